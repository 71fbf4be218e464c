using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>
/// All disks of a secondary: one gate, one record, one epoch. What changes the epoch, the stage or the layers of the group goes through here.
/// </summary>
/// <remarks>
/// <para>Every change is prepared before the gate closes, is one write of the record while it is closed, and becomes visible by swapping pointers before it
/// opens (invariant Atomic). A record that cannot be written leaves everything as it was. Changes take turns; the data path never waits for a turn.</para>
/// <para>The group runs no threads: requests bring theirs, and the rest runs on <see cref="SecondaryGroupOptions.Worker"/>.</para>
/// </remarks>
public sealed partial class SecondaryGroup : IAsyncDisposable
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly SecondaryGroupOptions _options;
    private readonly GroupState _state;
    private readonly OverlayStore _store;
    private readonly OverlayRoom _room;

    // Serialises the changes of the group: everything below is guarded by holding a turn, where it says nothing else.
    private readonly RangeLock _turns = new();
    private OverlaySet? _live;
    private OverlaySet? _prepared; // exchanged with Interlocked, by the worker and by who takes it
    private ulong _lastSetId; // Interlocked
    private volatile bool _ending;

    private SecondaryGroup(SecondaryGroupOptions options)
    {
        Invariant.Check(
            System.Numerics.BitOperations.IsPow2(options.BlockSizeBytes) && options.BlockSizeBytes is >= 512 and <= 1 << 20,
            "a block is a power of two, up to 1 MiB");
        _options = options;
        _state = new GroupState(options.Time, options.OnFailure);
        _room = new OverlayRoom(
            new OverlayBudget(options.LimitBytes, options.SoftLimitBytes, options.OnPressure), options.Spill is null ? null : OverlayBudget.Unlimited());
        _store = new OverlayStore(new OverlayStoreOptions
        {
            Files = options.Overlays,
            Spill = options.Spill,
            Disks = [.. options.Disks.Select(disk => (disk.Name, disk.Node.LengthBytes))],
            BlockSizeBytes = options.BlockSizeBytes,
            Room = _room,
            Power = options.Power,
            Decorate = options.Decorate,
        });
        EpochKeeper[] keepers = [.. options.Disks.Select(disk => new EpochKeeper(disk.Node))];
        _pins = new EpochPins(keepers, options.BlockSizeBytes, Retire);
        Disks = [.. options.Disks.Zip(keepers, (disk, keeper) => new SecondaryDisk(
            disk.Name, keeper, CommitNode(disk.Name, keeper), options.BlockSizeBytes, _state, options.Power, options.Time, _pins.GiveUpAsync))];
    }

    public IReadOnlyList<SecondaryDisk> Disks { get; }

    /// <summary>The gate of the group's requests.</summary>
    public GroupGate Gate => _state.Gate;

    /// <summary>The record in force; null before the first.</summary>
    public EpochRecord? Record => _options.State.Record.Current;

    /// <summary>The stage that requests are served in: the record's.</summary>
    public NodeStage Stage => _state.Stage;

    /// <summary>
    /// The record names overlays that are not there, or that are not trusted: no view, so the guest is not
    /// served, and failover has nothing to promote. Stays until the next switch.
    /// </summary>
    public bool OverlaysLost { get; private set; }

    /// <summary>What overlay files of every set take in the overlay directory.</summary>
    public long OverlayUsedBytes => _room.Main.UsedBytes;

    /// <summary>What overlay files take in the spill directory.</summary>
    public long SpillUsedBytes => _room.Spill?.UsedBytes ?? 0;

    /// <summary>Old content that the overlays can still take: up to the limit, without the guest's reserve, as far as the file systems have room.</summary>
    public long OverlayFreeBytes
    {
        get
        {
            // What epochs that are over take is given back to whoever needs it.
            long mainBytes = Math.Min(_room.Main.FreeBytes, _options.Overlays.FreeBytes);
            mainBytes = Math.Max(mainBytes, mainBytes + _pins.TakenBytes);
            long spillBytes = _options.Spill?.FreeBytes ?? 0;
            return mainBytes > long.MaxValue - spillBytes ? long.MaxValue : mainBytes + spillBytes;
        }
    }

    /// <summary>Opens the group where its record left it; every overlay file that the record does not name is removed.</summary>
    /// <exception cref="StateException">Files that the record names are damaged or unknown.</exception>
    public static async ValueTask<SecondaryGroup> OpenAsync(SecondaryGroupOptions options)
    {
        var group = new SecondaryGroup(options);
        try
        {
            await group.LoadAsync();
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes a record that moves no data to another layer: a flag, a generation, a stage that routes requests as before.</summary>
    /// <exception cref="BlockException">It could not be written; the old record is in force.</exception>
    public async ValueTask<EpochRecord> UpdateRecordAsync(Func<EpochRecord?, EpochRecord> next)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            return await WriteRecordAsync(next(Record));
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>Ends background work and closes the overlays; the record stays, and the next open goes on from it.</summary>
    public async ValueTask DisposeAsync()
    {
        _ending = true;
        // A commit that runs ends with its step; a later one finds the group ending.
        _commits.Release(await _commits.AcquireAsync(s_turn));
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            foreach (SecondaryDisk disk in Disks)
            {
                // The layers stay: a mirrored write that a slow disk has kept until now finds its overlay closed, and fails rather than pass without undo.
                if (disk.DirtyBlocks is { } dirty)
                    await dirty.DisposeAsync();
            }

            if (_room.Reserve is { } reserve)
                await reserve.DisposeAsync();

            await _pins.DisposeAsync();
            if (_live is not null)
                await _live.DisposeAsync();
            _live = null;
            await DiscardPreparedAsync();
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    private async ValueTask LoadAsync()
    {
        ulong named = Record?.OverlaySet ?? 0;
        if (named != 0 && _options.Trust != OverlayTrust.None)
            _live = await _store.LoadAsync(named, _options.Trust);
        OverlaysLost = named != 0 && _live is null;
        // Until now the durability may have been "process": what the view shows of the disks is not lost from here on.
        await FlushDisksAsync();
        PrepareDirectories(named);
        for (int i = 0; i < Disks.Count; i++)
        {
            Disks[i].CopyBeforeWrite.DoCheckpoint(_live?.Disks[i]);
            if (Record?.Stage is NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done)
                Disks[i].DirtyBlocks = await LoadDirtyAsync(Disks[i]);
        }

        _state.Stage = Record?.Stage ?? NodeStage.None;
        if (Stage != NodeStage.Done && OverlayReserve.SizeOf(_options.LimitBytes) > 0)
            _room.Reserve = await MakeReserveAsync();
        if (_live is not null && Stage == NodeStage.Running)
            PrepareNext();
    }

    // What the record does not name goes, also what a killed process has left of its reserve.
    private void PrepareDirectories(ulong named)
    {
        try
        {
            _lastSetId = Math.Max(named, _store.DeleteOthers(OverlaysLost ? 0 : named));
            _options.Overlays.Delete(OverlayReserve.FileName);
        }
        catch (IOException e)
        {
            throw StateException.At(StatePlace.OverlayDirectory, e);
        }
    }

    private async ValueTask<OverlayReserve?> MakeReserveAsync()
    {
        try
        {
            return await OverlayReserve.CreateAsync(_options.Overlays, _room.Main, Decorated);
        }
        catch (IOException e)
        {
            throw StateException.At(StatePlace.OverlayDirectory, e);
        }
    }

    // Under a turn. Where a switch is made the gate is closed around it.
    private async ValueTask<EpochRecord> WriteRecordAsync(EpochRecord next)
    {
        NodeStage from = Record?.Stage ?? next.Stage;
        Invariant.Check(from == next.Stage || _options.MayFollow(from, next.Stage), $"secondary: {from} -> {next.Stage}");
        EpochRecord written = await _options.State.Record.ReplaceAsync(next);
        _state.Stage = written.Stage;
        return written;
    }

    // Durability: power. Whatever the mirror has been answered is in the secondary disks for good.
    private async ValueTask FlushDisksAsync()
    {
        if (!_options.Power)
            return;
        foreach (SecondaryDisk disk in Disks)
            await disk.Flushes.FlushAsync();
    }

    private BlockNode CommitNode(string disk, BlockNode node) => Decorated(new AliasNode($"{disk}.commit", node));

    private BlockNode Decorated(BlockNode node) => _options.Decorate?.Invoke(node) ?? node;
}
