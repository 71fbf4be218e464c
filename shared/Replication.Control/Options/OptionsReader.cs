using System.Text;
using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles;

namespace Replication.Control.Options;

/// <summary>
/// Turns a configuration file and the environment into <see cref="HostOptions"/>: keys one by one first (<see cref="CheckedConfiguration"/>), then what is
/// missing, then what does not fit together. Nothing but the file is looked at, nothing is created.
/// </summary>
internal sealed class OptionsReader
{
    private readonly CheckedConfiguration _values;

    private OptionsReader(CheckedConfiguration values) => _values = values;

    /// <exception cref="ConfigurationException">The configuration is refused.</exception>
    public static HostOptions Read(string file, IEnumerable<KeyValuePair<string, string>> environment, NodeRole initialRole) =>
        new OptionsReader(CheckedConfiguration.Check(RawConfiguration.Load(file, environment))).Read(initialRole);

    private HostOptions Read(NodeRole initialRole)
    {
        foreach (SchemaKey key in Schema.Keys.Where(k => k.Needed == Needed.Always && !k.Path.StartsWith("Disks:", StringComparison.Ordinal)))
            Require(key.Path.Replace(":*", ":0", StringComparison.Ordinal));
        IReadOnlyList<DiskOptions> disks = Disks(out IReadOnlyList<string> diskKeys);
        return new HostOptions
        {
            Node = new NodeOptions
            {
                Group = Text("Group"),
                StateDirectory = FullPath("StateDirectory"),
                InitialRole = initialRole,
                Durability = Choice<Durability>("Durability"),
                Disks = disks,
                Overlay = Overlay(),
                Mirror = new MirrorOptions(
                    Choice<Acknowledge>("Mirror:Acknowledge"), Duration("Mirror:Deadline"), Size("Mirror:Window"), Flag("Mirror:AllowPlain"))
                {
                    Resync = Choice<ResyncPolicy>("Mirror:Resync"),
                    ResyncRate = Size("Mirror:ResyncRate"),
                },
                Peer = new PeerOptions(PeerControl(), PeerMirror(), Duration("Peer:WaitAtStart")),
                Faults = [.. _values.Indexes("Faults").Select(i => Text($"Faults:{i}"))],
            },
            Control = Listeners("Control", ParseControl, a => a.IsLocal, a => a.UnixPath),
            Guest = Listeners("Guest", ParseNbd, a => a.IsLoopback, a => a.SocketPath),
            Mirror = Listeners("Mirror", ParseNbd, a => a.IsLoopback, a => a.SocketPath),
            AllowInsecureGuests = Flag("Guest:AllowInsecure"),
            Qmp = Qmp(),
            NameOf = _values.NameOf,
            DiskKeys = diskKeys,
            MissingForSecondary = Schema.Keys.Where(k => k.Needed == Needed.BySecondary).Select(k => k.Path.Replace(":*", ":0", StringComparison.Ordinal))
                .Where(path => !_values.IsGiven(path)).Select(path => _values.Missing(path, ", and a node in role secondary needs it")).FirstOrDefault(),
        };
    }

    private List<DiskOptions> Disks(out IReadOnlyList<string> keys)
    {
        IReadOnlyList<int> indexes = _values.Indexes("Disks");
        if (indexes.Count == 0)
            throw _values.Missing("Disks:0:Name");
        if (indexes.Count > Limits.Disks)
            throw new ConfigurationException(_values.NameOf("Disks"), $"{indexes.Count} disks are more than the {Limits.Disks} that a group may have");
        var disks = new List<DiskOptions>();
        foreach (int i in indexes)
        {
            string name = Text(Require($"Disks:{i}:Name"));
            string path = FullPath(Require($"Disks:{i}:Path"));
            if (disks.FindIndex(d => d.Name == name) is >= 0 and int sameName)
                throw _values.Refused($"Disks:{i}:Name", $"is the name of disk {indexes[sameName]} already; names must differ");
            if (disks.FindIndex(d => d.Path == path) is >= 0 and int samePath)
                throw _values.Refused($"Disks:{i}:Path", $"is the path of disk {indexes[samePath]} already; paths must differ");
            disks.Add(new DiskOptions(name, path));
        }

        keys = [.. indexes.Select(i => _values.NameOf($"Disks:{i}:Path"))];
        return disks;
    }

    private OverlayOptions? Overlay()
    {
        long limit = Size("Overlay:Limit");
        long soft = _values.IsGiven("Overlay:SoftLimit") ? Size("Overlay:SoftLimit") : limit / 4 * 3;
        if (soft > limit)
            throw _values.Refused("Overlay:SoftLimit", $"is more than {_values.NameOf("Overlay:Limit")}, {SizeText.Format(limit)}; accepted: at most that");
        if (!_values.IsGiven("Overlay:Directory"))
            return null;
        string directory = FullPath("Overlay:Directory");
        string? spill = _values.IsGiven("Overlay:Spill") ? FullPath("Overlay:Spill") : null;
        if (spill == directory)
            throw _values.Refused("Overlay:Spill", $"is {_values.NameOf("Overlay:Directory")}; accepted: another directory, best on another file system");
        return new OverlayOptions(directory, (int)Size("Overlay:BlockSize"), limit, soft) { SpillDirectory = spill };
    }

    private Listen<ControlAddress>? Qmp()
    {
        const string path = "Qmp:Listen";
        if (!_values.IsGiven(path))
            return null;
        ControlAddress address = ParseControl(path);
        RequireShort(path, address.UnixPath!);
        return new Listen<ControlAddress>(_values.NameOf(path), address);
    }

    private string? PeerControl() => _values.IsGiven("Peer:Control") ? ParseControl("Peer:Control").ToString() : null;

    private string? PeerMirror() => _values.IsGiven("Peer:Mirror") ? ParseNbd("Peer:Mirror").ToString() : null;

    private List<Listen<T>> Listeners<T>(string section, Func<string, T> parse, Func<T, bool> isLocal, Func<T, string?> unixPath)
    {
        IReadOnlyList<int> indexes = _values.Indexes($"{section}:Listen");
        if (indexes.Count > Limits.ListenAddresses)
        {
            throw new ConfigurationException(
                _values.NameOf($"{section}:Listen"), $"{indexes.Count} addresses are more than the {Limits.ListenAddresses} that a listener may have");
        }

        var listeners = new List<Listen<T>>();
        foreach (string path in indexes.Select(i => $"{section}:Listen:{i}"))
        {
            T address = parse(path);
            if (!isLocal(address) && !Flag($"{section}:AllowInsecure"))
            {
                throw _values.Refused(path, $"is outside loopback, and TLS {ValueKind.NotAvailable}; accepted: a loopback address, a Unix socket, or "
                    + "\"AllowInsecure\": true beside it");
            }

            if (unixPath(address) is { } socket)
                RequireShort(path, socket);
            listeners.Add(new Listen<T>(_values.NameOf(path), address));
        }

        return listeners;
    }

    private void RequireShort(string path, string socket)
    {
        if (Encoding.UTF8.GetByteCount(socket) > Limits.UnixPathBytes)
            throw _values.Refused(path, $"is too long; accepted: a socket path of at most {Limits.UnixPathBytes} bytes");
    }

    private ControlAddress ParseControl(string path) =>
        ControlAddress.TryParse(Text(path), out ControlAddress? address, out string? reason)
            ? address.Under(_values.Directory)
            : throw _values.Refused(path, reason);

    private NbdAddress ParseNbd(string path)
    {
        if (!NbdAddress.TryParse(Text(path), out NbdAddress? address, out string? reason))
            throw _values.Refused(path, reason);
        return address.IsUnix ? NbdAddress.Unix(Path.GetFullPath(address.SocketPath, _values.Directory)) : address;
    }

    private string Require(string path) => _values.IsGiven(path) ? path : throw _values.Missing(path);

    // The values have passed their kinds' checks: what does not parse below cannot be there.
    private string Text(string path) => _values.Value(path)!;

    private string FullPath(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(Text(path), _values.Directory));

    private bool Flag(string path) => bool.Parse(Text(path));

    private T Choice<T>(string path)
        where T : struct, Enum => Enum.Parse<T>(Text(path), ignoreCase: true);

    private long Size(string path) => SizeText.TryParse(Text(path), out long bytes) ? bytes : throw _values.Refused(path, "is not a size");

    private TimeSpan Duration(string path) =>
        DurationText.TryParse(Text(path), out TimeSpan duration) ? duration : throw _values.Refused(path, "is not a duration");
}
