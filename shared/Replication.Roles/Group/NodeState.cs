using System.Security.Cryptography;
using System.Text;
using Replication.Block;
using Replication.Block.State;

namespace Replication.Roles;

/// <summary>
/// What a node knows across restarts: manifest and epoch record, and where its peer is. On a secondary the record is written by the block chain, which needs it
/// for its switches; on a primary it is written here.
/// </summary>
internal sealed class NodeState : IAsyncDisposable
{
    private const string PeerFileName = "peer";

    private readonly StateDirectory _directory;
    private readonly AsyncMutex _turn = new();

    private readonly Guid _boot;
    private readonly bool _power;
    private readonly bool _wasPower; // how the state was kept when it was opened

    private NodeState(StateDirectory directory, Guid boot, bool power)
    {
        _directory = directory;
        _boot = boot;
        _power = power;
        _wasPower = directory.Manifest!.Power;
    }

    public NodeRole Role => Manifest.Role;

    /// <summary>Generations, oldest first; empty on a secondary that never replicated.</summary>
    public IReadOnlyList<Generation> History => Manifest.History;

    /// <summary>The generation in force; number 0 where there is none.</summary>
    public Generation Generation => History.Count == 0 ? default : History[^1];

    public EpochRecord Record => _directory.Record.Current!;

    public StateDirectory Directory => _directory;

    /// <summary>The state was written in another boot of the machine: overlays and marks that were not flushed are not trusted.</summary>
    public bool IsFromAnotherBoot { get; private init; }

    /// <summary>
    /// What a reboot may have taken from files that were not flushed: it came, and the state was kept with
    /// durability <c>process</c>. Marks and overlays are not trusted then.
    /// </summary>
    public bool MayLackUnflushed => IsFromAnotherBoot && !_wasPower;

    /// <summary>
    /// The durability was <c>process</c> until now, and is <c>power</c> from here on: what is relied on must be flushed before <see cref="TrustBoot"/>.
    /// </summary>
    public bool BecomesPower => _power && !_wasPower;

    /// <summary>Where the peer's control endpoint is, as it last told; empty where it never did.</summary>
    public string PeerAddress => _directory.Files.Read(PeerFileName) is { } address ? Encoding.UTF8.GetString(address) : "";

    private Manifest Manifest => _directory.Manifest!;

    /// <summary>Reads the state, or begins it: a primary with a first generation, a secondary with none.</summary>
    /// <exception cref="StateException">The directory belongs to another group or to other disks, or cannot be read.</exception>
    public static async Task<NodeState> OpenAsync(StateDirectory directory, NodeOptions options, IReadOnlyList<ManifestDisk> disks, Func<Guid> newId, Guid boot)
    {
        bool power = options.Durability == Durability.Power;
        if (directory.Manifest is null)
        {
            bool isPrimary = options.InitialRole == NodeRole.Primary;
            directory.SaveManifest(new Manifest
            {
                Group = options.Group,
                GroupId = GroupIdOf(options.Group),
                Role = options.InitialRole,
                History = isPrimary ? [Generation.First(newId())] : [],
                Disks = disks,
                BootId = boot,
                Power = power,
            });
        }

        Manifest manifest = directory.Manifest!;
        Check(manifest, directory, options, disks);
        if (directory.Record.Current is null)
            await BeginAsync(directory, newId);
        var state = new NodeState(directory, boot, power) { IsFromAnotherBoot = manifest.BootId != boot };
        if (state.History.Count > 0 && state.Record.GenerationId != state.Generation.Id)
        {
            throw new StateException($"state directory {options.StateDirectory}: the record names generation {state.Record.GenerationNumber} "
                + $"({state.Record.GenerationId:N}), the manifest ends with {state.Generation}");
        }

        return state;
    }

    /// <summary>The group's id: both nodes derive it from the name.</summary>
    public static Guid GroupIdOf(string group) => new(SHA256.HashData(Encoding.UTF8.GetBytes(group)).AsSpan(0, 16), bigEndian: true);

    /// <summary>
    /// What was found has been dealt with, and flushed where durability is <c>power</c>: the state is this boot's from
    /// here on, and kept as configured. To be called by the role once it is open.
    /// </summary>
    public void TrustBoot()
    {
        if (Manifest.BootId != _boot || Manifest.Power != _power)
            _directory.SaveManifest(Manifest with { BootId = _boot, Power = _power });
    }

    /// <summary>
    /// A record that was written without a flush, since a guest waited for it, survives a loss of power from here on. Nothing to do under <c>power</c>.
    /// </summary>
    public async Task FlushRecordAsync()
    {
        if (!_power)
            await _directory.Record.FlushAsync();
    }

    public void RememberPeer(string address)
    {
        if (address.Length > 0 && address != PeerAddress)
            _directory.Files.Replace(PeerFileName, Encoding.UTF8.GetBytes(address));
    }

    /// <summary>
    /// Writes a record. When it fails the old one stays in force; when not even that is certain the process ends, since a restart could find either.
    /// </summary>
    public async Task RecordAsync(Func<EpochRecord, EpochRecord> change)
    {
        using AsyncMutex.Holder turn = await _turn.EnterAsync();
        try
        {
            await _directory.Record.WriteAsync(change(Record));
        }
        catch (BlockException)
        {
            await KeepAsync();
            throw;
        }
    }

    /// <summary>Begins a generation: the manifest names it, then the record makes it true.</summary>
    public Task BeginGenerationAsync(Generation next, Func<EpochRecord, EpochRecord> change) => BeginGenerationOverAsync([], next, change);

    /// <summary>
    /// The same for one that follows another node's history as well as ours: who is at any of its generations recognises this one as the successor.
    /// </summary>
    public async Task BeginGenerationOverAsync(IReadOnlyList<Generation> theirs, Generation next, Func<EpochRecord, EpochRecord> change)
    {
        IReadOnlyList<Generation> before = History;
        _directory.SaveManifest(
            Manifest with { History = NamedBehindOurs([.. before, .. theirs.Where(generation => before.All(ours => ours.Id != generation.Id)), next]) });
        try
        {
            await RecordAsync(record => change(record) with { GenerationNumber = next.Number, GenerationId = next.Id });
        }
        catch
        {
            _directory.SaveManifest(Manifest with { History = before });
            throw;
        }
    }

    /// <summary>Names the next generation in the manifest; it begins with the record that reaches it, and <see cref="DropUnreached"/> takes it back.</summary>
    public void NameGeneration(Generation next) => _directory.SaveManifest(Manifest with { History = [.. History, next] });

    /// <summary>Takes over the history of the primary whose view this secondary is about to take.</summary>
    public void AdoptHistory(IReadOnlyList<Generation> history) => _directory.SaveManifest(Manifest with { History = NamedBehindOurs(history) });

    public void DropUnreached() => _directory.SaveManifest(Manifest.UpTo(Record));

    public ValueTask DisposeAsync() => _directory.DisposeAsync();

    // A restart that finds the record not there yet drops what is numbered above it: ours must be the last one then.
    private IReadOnlyList<Generation> NamedBehindOurs(IReadOnlyList<Generation> history) =>
        history.LastOrDefault(generation => generation.Number <= Generation.Number).Id == Generation.Id
            ? history
            : [.. history.SkipLast(1).Where(generation => generation.Id != Generation.Id), Generation, history[^1]];

    private async Task KeepAsync()
    {
        try
        {
            await _directory.Record.KeepAsync();
        }
        catch (BlockException e)
        {
            ProcessEnd.FailFast($"the state directory takes no record any more, and what a restart would find is not known: {e.Message}", e);
        }
    }

    private static async Task BeginAsync(StateDirectory directory, Func<Guid> newId)
    {
        Manifest manifest = directory.Manifest!;
        if (manifest.Role == NodeRole.Primary && manifest.History.Count == 0)
        {
            // Killed between manifest and record: the first generation had not begun, and begins now.
            directory.SaveManifest(manifest with { History = [Generation.First(newId())] });
            manifest = directory.Manifest!;
        }

        Generation first = manifest.History.Count == 0 ? default : manifest.History[^1];
        await directory.Record.WriteAsync(new EpochRecord
        {
            GroupId = manifest.GroupId,
            GenerationNumber = first.Number,
            GenerationId = first.Id,
            Epoch = 0,
            Stage = manifest.Role == NodeRole.Primary ? NodeStage.Standalone : NodeStage.None,
        });
    }

    private static void Check(Manifest manifest, StateDirectory directory, NodeOptions options, IReadOnlyList<ManifestDisk> disks)
    {
        string where = $"state directory {directory.Files.Path}";
        if (manifest.Group != options.Group)
            throw new StateException($"{where} belongs to group '{manifest.Group}', the configuration says '{options.Group}'");
        foreach (ManifestDisk known in manifest.Disks)
        {
            ManifestDisk? found = disks.FirstOrDefault(disk => disk.Name == known.Name);
            if (found is null)
                throw new StateException($"{where} knows a disk '{known.Name}' that is not configured");
            if (found.LengthBytes != known.LengthBytes)
                throw new StateException($"disk '{found.Name}' has {found.LengthBytes} bytes, {where} knows it with {known.LengthBytes} bytes");
        }

        if (disks.FirstOrDefault(disk => manifest.Disks.All(known => known.Name != disk.Name)) is { } extra)
            throw new StateException($"{where} does not know the configured disk '{extra.Name}'");
    }
}
