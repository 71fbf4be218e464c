using Replication.Block.Dirty;
using Replication.Block.Locks;

namespace Replication.Block.Quorums;

/// <summary>
/// The top of a guest's graph: a local child that must succeed, and at times a mirror child that gets
/// every write as well (QEMU's quorum with read-pattern fifo).
/// </summary>
/// <remarks>
/// Invariants. Local first: the guest's result is the local child's; a forward can delay it and never make or break it. Replica: a write holds its range from
/// before it is forwarded until the local disk has it, and the mirror applies what overlaps in the order in which it was enqueued, so both disks end up the
/// same; copies take the same lock. Guest reads and block status go to the local child alone.
/// A failed local write leaves its range undefined while the mirror may have the new content: the range's real content is then copied to the mirror, and where
/// that cannot be done the mirror's session ends. The mirror child comes and goes while the guest runs; when <see cref="AddChildAsync"/> returns, no write is
/// under way that the child does not see. With dirty marks (No lost dirt) every change and every copy is marked under its range lock before it is made.
/// Without a gate the quorum is a thin filter with the one child (a secondary's guest side) and takes no locks.
/// </remarks>
public sealed partial class Quorum : BlockNode
{
    private readonly BlockNode _local;
    private readonly GuestAdmission _admission;
    private readonly GroupGate? _gate;
    private readonly IQuorumObserver? _observer;
    private readonly DiskFlush? _flushes; // a thin filter has none: its child shares flushes by itself
    private readonly RangeLock _ranges = new();
    private readonly Stack<PendingAcknowledgement> _idleAcknowledgements = new(); // guarded by itself
    private readonly Lock _childLock = new();
    private volatile MirrorChild? _mirror; // written under _childLock
    private volatile DirtyMarks? _marks; // written by the role, which serialises its own changes

    /// <summary>A quorum of the one child; nothing can be added.</summary>
    public Quorum(string name, BlockNode local, GuestAdmission admission)
        : base(name, local.LengthBytes, Offered(local.Capabilities))
    {
        _local = local;
        _admission = admission;
    }

    /// <summary>
    /// A quorum to which a mirror child can be added. <paramref name="gate"/> is the group's, taken by writes alone, and by nothing below the local child.
    /// </summary>
    public Quorum(string name, BlockNode local, GuestAdmission admission, GroupGate gate, IQuorumObserver observer)
        : this(name, local, admission)
    {
        _gate = gate;
        _observer = observer;
        _flushes = new DiskFlush(local) { Failed = failure => observer.LocalFailed(this, failure) };
    }

    /// <summary>The mirror child's name; null without one.</summary>
    public string? MirrorName => _mirror?.Node.Name;

    /// <summary>The disk's dirty marks; null while nothing is marked.</summary>
    public DirtyMarks? Marks => _marks;

    /// <summary>
    /// From now on every change is marked before it is made, or none is; at completion no write is under way that did otherwise. The marks stay the caller's.
    /// </summary>
    public ValueTask MarkAsync(DirtyMarks? marks)
    {
        _marks = marks;
        return WaitForWritesAsync();
    }

    /// <summary>Flushes the local disk in no guest's name. A failure fails the guest's next flush, too: it may have lost what that is about.</summary>
    /// <exception cref="BlockException">It failed.</exception>
    public Task FlushLocalAsync() => _flushes!.FlushAsync();

    /// <summary>
    /// Waits until every guest write and copy that holds or waits for its range now has let go of it: it is on the local disk, and its forward is enqueued.
    /// </summary>
    public ValueTask WaitForWritesAsync() => _ranges.WaitForOverlappingAsync(new BlockRange(0, LengthBytes));

    /// <summary>
    /// Adds the mirror child. Every guest write that begins from now on is forwarded; at completion all others are on the local disk.
    /// </summary>
    /// <param name="node">Where guest requests are forwarded to; the link's node or a filter above it.</param>
    /// <param name="link">The link behind it.</param>
    /// <exception cref="QuorumChildException">There is a mirror child already, or the lengths differ, or this quorum takes none.</exception>
    public async ValueTask AddChildAsync(BlockNode node, IMirrorLink link)
    {
        lock (_childLock)
        {
            if (_gate is null)
                throw new QuorumChildException($"{Name}: this quorum takes no mirror child");
            if (_mirror is not null)
                throw new QuorumChildException($"{Name}: child {node.Name} cannot be added, for {_mirror.Node.Name} is there");
            if (node.LengthBytes != LengthBytes)
                throw new QuorumChildException($"{Name}: child {node.Name} has {node.LengthBytes} bytes, not {LengthBytes}");
            _mirror = new MirrorChild(node, link);
        }

        await WaitForWritesAsync();
    }

    /// <summary>Removes the mirror child; at completion no guest write will still be enqueued there. What was enqueued is the link's affair.</summary>
    /// <exception cref="QuorumChildException">There is no such child, or it is the local one, without which there is no quorum.</exception>
    public async ValueTask RemoveChildAsync(string name)
    {
        lock (_childLock)
        {
            if (name == _local.Name)
                throw new QuorumChildException($"{Name}: child {name} cannot be removed: the vote threshold is 1, and it is the one that must succeed");
            if (_mirror?.Node.Name != name)
                throw new QuorumChildException($"{Name}: there is no child {name}");
            _mirror = null;
        }

        await WaitForWritesAsync();
    }

    /// <summary>Children belong to whoever built the graph.</summary>
    public override ValueTask DisposeAsync() => base.DisposeAsync();

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        if (!_admission.AdmitsReads)
            return HeldReadAsync(offsetBytes, buffer);
        ValueTask read = _local.ReadAsync(offsetBytes, buffer);
        return _observer is null || read.IsCompletedSuccessfully ? read : ObservedReadAsync(read);
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        ChangeAsync(GuestWrite.Write(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => ChangeAsync(GuestWrite.Zeroes(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => ChangeAsync(GuestWrite.Discard(range, flags));

    protected override async ValueTask FlushCore()
    {
        await _admission.AdmitFlushAsync(Name);
        MirrorChild? mirror = _mirror;
        ValueTask forward = mirror is null ? default : mirror.Node.FlushAsync();
        BlockException? localFailure = await Outcome(_flushes?.FlushForGuestAsync() ?? _local.FlushAsync());
        BlockException? forwardFailure = await Outcome(forward);
        // The local one has been reported, once for all who waited for it.
        ReportForward(forwardFailure, localFailure is not null);
        if (localFailure is not null)
            throw localFailure;
        await _admission.AcknowledgeAsync(Name, BlockOperation.Flush, default);
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range) => _admission.AdmitsReads ? _local.StatusAsync(range) : HeldStatusAsync(range);

    // FUA is a write and a flush here, so that both children get both; zeroing and discard are one request to each child, as the guest meant them.
    private static NodeCapabilities Offered(NodeCapabilities local) =>
        new(Capability.Emulated, Present(local.WriteZeroes), Present(local.Discard), Present(local.Status));

    private static Capability Present(Capability capability) => capability == Capability.None ? Capability.None : Capability.Native;

    private async ValueTask HeldReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        await _admission.AdmitReadAsync(Name, BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length));
        await ObservedReadAsync(_local.ReadAsync(offsetBytes, buffer));
    }

    private async ValueTask<Extent> HeldStatusAsync(BlockRange range)
    {
        await _admission.AdmitReadAsync(Name, BlockOperation.Status, range);
        return await _local.StatusAsync(range);
    }

    private async ValueTask ObservedReadAsync(ValueTask read)
    {
        try
        {
            await read;
        }
        catch (BlockException e)
        {
            _observer?.LocalFailed(this, e);
            throw;
        }
    }
}
