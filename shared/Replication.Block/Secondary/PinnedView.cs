using Replication.Block.Locks;

namespace Replication.Block.Secondary;

/// <summary>
/// The guest's view of one disk, as it goes on without checkpoints: while its epoch lasts it is the view; when a switch has given the guest another one it
/// shows what the view was at that switch.
/// </summary>
/// <remarks>
/// Guest writes of the epoch show in it, later ones do not. A promotion and its commit are no end: the view goes on through them.
/// A read of the live epoch is a guest's read, inside the gate. One of an epoch that is over holds nothing: what it reads from an overlay stays, what it reads
/// from the disk it looks up again (invariant Read), and whether the epoch has been lost it looks at last.
/// </remarks>
public sealed class PinnedView : BlockNode
{
    private readonly SecondaryDisk _disk;
    private readonly GroupGate _gate;
    private readonly EpochPins _pins;
    private readonly PinnedEpoch _epoch;
    private readonly OldLayers _layers;
    private readonly Lock _sync = new();
    private int _readers; // guarded by _sync
    private bool _isReleased; // guarded by _sync
    private TaskCompletionSource? _unread; // guarded by _sync
    private volatile Func<BlockRange, bool> _reads = static _ => true;

    internal PinnedView(SecondaryDisk disk, GroupGate gate, EpochPins pins, OldLayers layers)
        : base(disk.Name, disk.LengthBytes, NodeCapabilities.AllNative with { WriteZeroes = Capability.None, Discard = Capability.None })
    {
        _disk = disk;
        _gate = gate;
        _pins = pins;
        _epoch = layers.Epoch;
        _layers = layers;
        layers.Add(this);
    }

    /// <summary>The guest's view has become another one.</summary>
    public bool IsOver => _epoch.IsOver;

    /// <summary>
    /// Who is told when the guest's view becomes another one (under the group's closed gate), and when this one cannot be read any more. On any thread; must
    /// not wait. The view is still held.
    /// </summary>
    /// <param name="whenOver">The guest's view is another one.</param>
    /// <param name="whenLost">This one cannot be read any more.</param>
    /// <param name="reads">Where it may still be read: nothing is kept of the rest once the epoch is over. Null: everywhere. Once false, always false.</param>
    public void Watch(Action whenOver, Action<BlockException> whenLost, Func<BlockRange, bool>? reads = null)
    {
        _epoch.Watch(whenOver, whenLost);
        if (reads is not null)
            _reads = reads;
    }

    /// <summary>Nobody needs it; once. Waits for reads that are under way.</summary>
    public async ValueTask ReleaseAsync()
    {
        Task? unread = null;
        lock (_sync)
        {
            Invariant.Check(!_isReleased, "a view is released once");
            _isReleased = true;
            if (_readers > 0)
                unread = (_unread = new TaskCompletionSource()).Task;
        }

        if (unread is not null)
            await unread;
        _layers.Remove(this);
        await _pins.ReleaseAsync(_epoch);
    }

    /// <summary>Somebody may still read it there.</summary>
    internal bool Reads(BlockRange range) => _reads(range);

    protected override async ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        var range = new BlockRange(offsetBytes, buffer.Length);
        Enter(BlockOperation.Read, range);
        try
        {
            if (await TryEnterLiveAsync() is { IsHeld: true } gate)
            {
                try
                {
                    await _disk.Replication.ReadHeldAsync(offsetBytes, buffer);
                }
                finally
                {
                    _gate.Exit(gate);
                }

                return;
            }

            await _disk.Reader.ReadAsync(_layers.Layers, offsetBytes, buffer);
            CheckNotLost(BlockOperation.Read, range);
        }
        catch (BlockException e) when (e.Node != Name)
        {
            throw Error(e.Kind, BlockOperation.Read, range, e.Message, e.Errno, e);
        }
        finally
        {
            Leave();
        }
    }

    protected override async ValueTask<Extent> StatusCore(BlockRange range)
    {
        Enter(BlockOperation.Status, range);
        try
        {
            if (await TryEnterLiveAsync() is { IsHeld: true } gate)
            {
                try
                {
                    return await _disk.Replication.StatusHeldAsync(range);
                }
                finally
                {
                    _gate.Exit(gate);
                }
            }

            Extent extent = await _disk.Reader.StatusAsync(_layers.Layers, range);
            CheckNotLost(BlockOperation.Status, range);
            return extent;
        }
        finally
        {
            Leave();
        }
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        throw Error(BlockErrorKind.ReadOnly, BlockOperation.Write, new BlockRange(offsetBytes, data.Length), "a pinned view is only read");

    protected override ValueTask FlushCore() => default;

    /// <summary>Not held: the epoch is over, for good.</summary>
    private async ValueTask<GateTicket> TryEnterLiveAsync()
    {
        if (_epoch.IsOver)
            return default;
        GateTicket gate = await _gate.EnterAsync();
        if (!_epoch.IsOver)
            return gate;
        _gate.Exit(gate);
        return default;
    }

    // What has been read is what the view was only if it had not been lost by then.
    private void CheckNotLost(BlockOperation operation, BlockRange range)
    {
        Interlocked.MemoryBarrier();
        if (_epoch.Lost is { } lost)
        {
            throw Error(
                BlockErrorKind.Io, operation, range,
                $"the view before the last checkpoints could not be kept: {lost.Message}; a larger Overlay:Limit or an Overlay:Spill keeps more",
                Errno.EACCES, lost);
        }
    }

    private void Enter(BlockOperation operation, BlockRange range)
    {
        lock (_sync)
        {
            if (_isReleased)
                throw Error(BlockErrorKind.Shutdown, operation, range, "the view has been released");
            _readers++;
        }
    }

    private void Leave()
    {
        TaskCompletionSource? unread = null;
        lock (_sync)
        {
            if (--_readers == 0)
                unread = _unread;
        }

        unread?.SetResult();
    }
}
