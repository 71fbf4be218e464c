namespace Replication.Control.Options;

/// <summary>Every key that there is. Both hosts read all of it; a node uses what its role needs.</summary>
internal static class Schema
{
    public const string Root = "Replication";

    private static readonly ValueKind s_overlaySize = ValueKind.Size(1 << 20, 1L << 50);

    public static IReadOnlyList<SchemaKey> Keys { get; } =
    [
        new("Group", ValueKind.Name, "Name of the group: all disks of one VM. The same on both nodes.") { Needed = Needed.Always },
        new("StateDirectory", ValueKind.Path, "Where the node keeps its records, bitmaps and journal. Created with mode 0700.") { Needed = Needed.Always },
        new(
            "Durability", ValueKind.Choice(["process", "power"]),
            "What survives: `process`, kill -9 of any process at any time; `power`, loss of power too.") { Default = "process" },
        new("Control:Listen:*", ValueKind.ControlListen, "Addresses of the gRPC services. Port 0 asks for a free one.") { Needed = Needed.Always },
        new("Control:AllowInsecure", ValueKind.Boolean, "Allows control listeners outside loopback without TLS.") { Default = "false" },
        Later("Control:Tls"),
        new("Guest:Listen:*", ValueKind.NbdListen, "NBD addresses for the guest. Export name = disk name.") { Needed = Needed.Always },
        new("Guest:AllowInsecure", ValueKind.Boolean, "Allows guest listeners outside loopback without TLS.") { Default = "false" },
        Later("Guest:Tls"),
        new("Peer:Control", ValueKind.ControlPeer, "The peer's control endpoint. A primary needs it to `start`."),
        new("Peer:Mirror", ValueKind.NbdPeer, "The peer's mirror listener. A primary needs it to `start`."),
        new("Peer:WaitAtStart", ValueKind.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            "How long a restarted primary that had a peer holds guest requests for the peer's confirmation; then they fail.") { Default = "30s" },
        Later("Peer:Tls"),
        new("Mirror:Listen:*", ValueKind.NbdListen, "NBD addresses for the peer's mirror. Opened in either role.") { Needed = Needed.BySecondary },
        new("Mirror:AllowInsecure", ValueKind.Boolean, "Allows mirror listeners outside loopback without TLS.") { Default = "false" },
        new(
            "Mirror:AllowPlain", ValueKind.OffUntilLater,
            "Lets one connection write to the plain export name, without a session (a QEMU primary). Not available in this version.") { Default = "false" },
        new("Mirror:Acknowledge", ValueKind.Choice(["applied", "local"]),
            "When a guest write completes: `applied`, both disks have it; `local`, the primary disk has it and the forward follows inside the window.")
            { Default = "applied" },
        new("Mirror:Deadline", ValueKind.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10)),
            "How long a silent secondary may delay a guest request, once; then the mirror is detached.") { Default = "500ms" },
        new("Mirror:Window", ValueKind.Size(1 << 20, 1L << 34), "Forwarded bytes that may be unanswered.") { Default = "64MiB" },
        new(
            "Mirror:Resync", ValueKind.Choice(["auto", "manual"]),
            "Whether a detached pair comes back by itself (`auto`), or waits for `coloctl resync` (`manual`). Read by the primary.") { Default = "auto" },
        new(
            "Mirror:ResyncRate", ValueKind.Size(0, 1L << 40),
            "The most that a sync or a resync copies, in bytes a second (`100MiB`); 0: no limit. Guest writes are not paced.") { Default = "0" },
        Later("Mirror:Tls"),
        new("Overlay:Directory", ValueKind.Path, "Where active and hidden disk live; best on tmpfs. Created with mode 0700.") { Needed = Needed.BySecondary },
        new("Overlay:BlockSize", ValueKind.BlockSize(4 << 10, 1 << 20), "Unit of tracking and copying.") { Default = "4KiB" },
        new(
            "Overlay:Limit", s_overlaySize,
            "Most bytes that the overlays may take in their directory; a sixteenth of it, 64MiB at most, is the guest's reserve.") { Default = "4GiB" },
        new("Overlay:SoftLimit", s_overlaySize, "Bytes from which on a checkpoint is asked for; at most `Overlay:Limit`. Default: three quarters of it."),
        new("Overlay:Spill", ValueKind.Path, "A second directory, which takes what the first one has no room for. Created with mode 0700."),
        new("Disks:*:Name", ValueKind.Name, "Name of the disk: its export's name, and the same on both nodes.") { Needed = Needed.Always },
        new("Disks:*:Path", ValueKind.Path, "A raw image file, any multiple of 512 bytes long.") { Needed = Needed.Always },
        new("Disks:*:Format", ValueKind.Choice(["raw"], "*"), "Format of the image.") { Default = "raw" },
        new(
            "Disks:*:Cache", ValueKind.Choice(["writeback"], "none", "writethrough"),
            "`writeback`: page cache, a guest's flush is an fdatasync.") { Default = "writeback" },
        new("Qmp:Listen", ValueKind.QmpListen, "A Unix socket for scripts and managers that speak QMP. Whoever may connect may do everything: mode 0600."),
        new("Faults:*", ValueKind.FaultRule, "Rules of the fault nodes. For tests only."),
    ];

    /// <summary>The key of a path below the root; null: there is none of that name.</summary>
    public static SchemaKey? Find(ReadOnlySpan<string> path)
    {
        foreach (SchemaKey key in Keys)
        {
            if (key.Segments.Length == path.Length && Common(key, path) == path.Length)
                return key;
        }

        return null;
    }

    /// <summary>A path lies below a name that is not available yet.</summary>
    public static bool IsLater(string[] path) => Keys.Any(k => k.Availability == Availability.Later && Common(k, path) == k.Segments.Length);

    /// <summary>Keys lie below the path. <paramref name="isList"/>: they are a list's elements.</summary>
    public static bool IsSection(string[] path, out bool isList)
    {
        SchemaKey? below = Keys.FirstOrDefault(k => k.Segments.Length > path.Length && Common(k, path) == path.Length);
        isList = below?.Segments[path.Length] == "*";
        return below is not null;
    }

    /// <summary>The path in the schema's own letters, as far as it is known.</summary>
    public static string[] Spell(string[] path)
    {
        SchemaKey nearest = Nearest(path);
        int known = KnownSegments(path);
        return [.. path.Select((segment, i) => i < known && nearest.Segments[i] != "*" ? nearest.Segments[i] : segment)];
    }

    /// <summary>How many of the path's segments the schema knows.</summary>
    public static int KnownSegments(string[] path) => Common(Nearest(path), path);

    /// <summary>The names that would have been known where the path leaves the schema.</summary>
    public static IEnumerable<string> Siblings(string[] path)
    {
        int known = KnownSegments(path);
        return Keys.Where(k => k.Availability == Availability.Now && k.Segments.Length > known && Common(k, path) == known)
            .Select(k => k.Segments[known] == "*" ? "indexes from 0" : k.Segments[known]).Distinct().DefaultIfEmpty("nothing");
    }

    private static SchemaKey Nearest(string[] path) => Keys.MaxBy(k => Common(k, path))!;

    private static int Common(SchemaKey key, ReadOnlySpan<string> path)
    {
        int common = 0;
        while (common < path.Length && common < key.Segments.Length && Matches(key.Segments[common], path[common]))
            common++;
        return common;
    }

    private static bool Matches(string pattern, string segment) => pattern == "*"
        ? segment.Length is > 0 and < 5 && segment.All(char.IsAsciiDigit) && (segment == "0" || segment[0] != '0')
        : pattern.Equals(segment, StringComparison.OrdinalIgnoreCase);

    private static SchemaKey Later(string path) =>
        new(path, new ValueKind("", _ => ValueKind.NotAvailable), "Not available in this version.") { Availability = Availability.Later };
}
