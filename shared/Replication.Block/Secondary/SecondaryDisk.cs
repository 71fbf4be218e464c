using Replication.Block.Locks;
using Replication.Block.Overlay;
using Replication.Block.Replication;
using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>One disk of a secondary: the nodes above its secondary disk, and what they share.</summary>
public sealed class SecondaryDisk
{
    private readonly GroupState _group;
    private readonly TimeProvider _time;
    private long _flushBegan; // a flush's own: there is one at a time
    private long _flushTookTicks; // Volatile
    private volatile bool _flushHasFailed; // in the last session, whoever asked for the flush
    private MirrorSessionState? _session; // the last one that was given a target; Interlocked

    private readonly Func<BlockException, ValueTask<bool>> _makeRoom;

    internal SecondaryDisk(
        string name, BlockNode node, BlockNode commitNode, int blockSizeBytes, GroupState group, bool power, TimeProvider time,
        Func<BlockException, ValueTask<bool>> makeRoom)
    {
        _makeRoom = makeRoom;
        _group = group;
        _time = time;
        Unflushed = power ? new UnflushedBlocks((node.LengthBytes + blockSizeBytes - 1) / blockSizeBytes) : null;
        Flushes = new DiskFlush(node) { Beginning = OnFlushBeginning, Succeeded = OnFlushed, Failed = OnFlushFailed };
        Name = name;
        Node = node;
        CommitNode = commitNode;
        BlockSizeBytes = blockSizeBytes;
        CopyBeforeWrite = new CopyBeforeWrite($"{name}.undo", node, blockSizeBytes) { MakeRoom = makeRoom };
        Reader = new LayerReader(node, blockSizeBytes);
        Replication = new ReplicationNode(this, group);
    }

    public string Name { get; }

    public long LengthBytes => Node.LengthBytes;

    public int BlockSizeBytes { get; }

    /// <summary>The secondary disk.</summary>
    public BlockNode Node { get; }

    /// <summary>What the secondary's guest export serves: the replication node.</summary>
    public BlockNode Guest => Replication;

    public CopyBeforeWrite CopyBeforeWrite { get; }

    /// <summary>Live bytes in the active disk; 0 right after a checkpoint.</summary>
    public long ActiveBytes => CopyBeforeWrite.Layers?.Active.HeldBytes ?? 0;

    /// <summary>Live bytes in the hidden disk; 0 right after a checkpoint.</summary>
    public long HiddenBytes => CopyBeforeWrite.Layers?.Hidden.HeldBytes ?? 0;

    /// <summary>Bytes marked dirty since the promotion; 0 before.</summary>
    public long DirtyBytes => Dirty is { } dirty ? dirty.Bits.Count * dirty.GranularityBytes : 0;

    /// <summary>What differs from the old primary's disk, since this node's promotion; null before. Set under the closed gate, or at open.</summary>
    public PersistentBitmap? Dirty => DirtyBlocks?.Marks;

    /// <summary>As <see cref="Dirty"/>.</summary>
    internal DirtyBlocks? DirtyBlocks { get; set; }

    internal BlockNode CommitNode { get; }

    internal LayerReader Reader { get; }

    internal ReplicationNode Replication { get; }

    /// <summary>Every flush of the disk goes through here.</summary>
    internal DiskFlush Flushes { get; }

    /// <summary>A flush of this disk has failed in this mirror session, whoever asked for it: what the session has written may be lost.</summary>
    internal bool FlushHasFailed => _flushHasFailed;

    /// <summary>What the next checkpoint must make safe; null under <c>Durability: process</c>.</summary>
    internal UnflushedBlocks? Unflushed { get; }

    /// <summary>What the last flush that succeeded took.</summary>
    internal TimeSpan LastFlush => TimeSpan.FromTicks(Volatile.Read(ref _flushTookTicks));

    /// <summary>Locks of blocks: guest writes and commit steps. Taken after the gate, before bitmap words.</summary>
    internal RangeLock BlockLocks { get; } = new();

    /// <summary>
    /// The disk as a mirror session writes it. A new session comes after the end of the one before, and may try again the undo copies that failed in that one.
    /// </summary>
    public BlockNode CreateMirrorTarget(MirrorSessionState session)
    {
        if (Interlocked.Exchange(ref _session, session) != session)
        {
            _flushHasFailed = false;
            CopyBeforeWrite.Layers?.RetryUndo();
        }

        _group.Session = session;
        return new MirrorTarget(this, session, _group);
    }

    /// <summary>The case of a failure that the guest has been given: an overlay's, or the disk's below.</summary>
    internal SecondaryFailure FailureOf(BlockException failure) =>
        failure.Node.StartsWith($"{Name}.active", StringComparison.Ordinal) || failure.Node.StartsWith($"{Name}.hidden", StringComparison.Ordinal)
            ? SecondaryFailure.ActiveDisk
            : SecondaryFailure.SecondaryDisk;

    internal BlockRange AlignOut(BlockRange range) => range.AlignOut(BlockSizeBytes, LengthBytes);

    /// <summary>The block behind the last one of a range.</summary>
    internal long BlockEnd(BlockRange range) => (range.EndBytes - 1) / BlockSizeBytes + 1;

    /// <summary>Bytes of blocks [first, end); the disk's last block may be short.</summary>
    internal BlockRange RangeOf(long first, long end) => BlockRange.FromBounds(first * BlockSizeBytes, Math.Min(end * BlockSizeBytes, LengthBytes));

    internal ValueTask MarkDirtyAsync(BlockRange blocks)
    {
        if (DirtyBlocks is not { } dirty)
            return default;
        long first = blocks.OffsetBytes / BlockSizeBytes;
        return dirty.MarkAsync(first, BlockEnd(blocks) - first);
    }

    /// <summary>
    /// Puts what the overlays hold of these blocks into the secondary disk, and forgets it there
    /// (invariant Commit). The caller holds the gate and the blocks' locks.
    /// </summary>
    internal ValueTask CommitBlocksAsync(OverlayLayers layers, BlockRange blocks) => CommitStep.RunAsync(this, layers, blocks);

    /// <summary>The guest has found no room; true where trying again may help.</summary>
    internal ValueTask<bool> MakeRoomAsync(BlockException full) => _makeRoom(full);

    /// <summary>The mirror has written a range; the gate is still held.</summary>
    internal void NoteWritten(BlockRange range)
    {
        long first = range.OffsetBytes / BlockSizeBytes;
        Unflushed?.Note(first, BlockEnd(range) - first);
    }

    private int OnFlushBeginning()
    {
        _flushBegan = _time.GetTimestamp();
        return Unflushed?.BeginFlush() ?? 0;
    }

    private void OnFlushed(int phase)
    {
        Volatile.Write(ref _flushTookTicks, _time.GetElapsedTime(_flushBegan).Ticks);
        Unflushed?.EndFlush(phase);
    }

    // The kernel drops the pages that it could not write, whoever asked: writes that were answered may
    // be lost (invariant Whole), and no later flush says so again.
    private void OnFlushFailed(BlockException failure)
    {
        _flushHasFailed = true;
        _group.Session?.Fail();
        _group.Report(SecondaryFailure.SecondaryDisk, Name, failure);
    }
}
