using Replication.Block.Bitmaps;

namespace Replication.Block.Overlay;

/// <summary>The two overlays of one disk in one epoch. A checkpoint replaces the whole object, under the closed gate.</summary>
/// <param name="active">What the guest wrote.</param>
/// <param name="hidden">Old content.</param>
/// <param name="power">A loss of power is survived, too: undo counts on nothing that has not been flushed.</param>
public sealed class OverlayLayers(BlockOverlay active, BlockOverlay hidden, bool power) : IAsyncDisposable
{
    private BlockException? _undoFailure;

    /// <summary>What the secondary's guest has written in this epoch.</summary>
    public BlockOverlay Active => active;

    /// <summary>Old content of what the mirror has overwritten in this epoch.</summary>
    public BlockOverlay Hidden => hidden;

    /// <summary>The first undo copy that failed in this epoch and session: no later write that needs undo is let through (invariant Undo).</summary>
    public BlockException? UndoFailure => Volatile.Read(ref _undoFailure);

    /// <summary>True where either overlay holds the block: the secondary disk's copy is not what the view shows.</summary>
    public bool Holds(long block) => hidden.Holds(block) || active.Holds(block);

    /// <summary>True where neither overlay holds any block of [first, end).</summary>
    public bool HoldsNone(long first, long end) => !active.HoldsAny(first, end) && !hidden.HoldsAny(first, end);

    /// <summary>First block in [block, end) that neither overlay holds; end where there is none.</summary>
    public long NextUnheld(long block, long end)
    {
        while (block < end)
        {
            long clearInHidden = hidden.NextUnheld(block, end);
            block = active.NextUnheld(clearInHidden, end);
            if (block == clearInHidden)
                return block;
        }

        return end;
    }

    /// <summary>First block in [block, end) that either overlay holds; end where there is none.</summary>
    public long NextHeld(long block, long end) => active.NextHeld(block, hidden.NextHeld(block, end));

    /// <summary>Whether the secondary's guest's flush has something to do here.</summary>
    internal bool IsPower => power;

    /// <summary>First block in [block, end) whose old content must be kept before it is overwritten; end where there is none.</summary>
    internal long NextToUndo(long block, long end)
    {
        if (!power)
            return NextUnheld(block, end);
        while (block < end && IsSafe(block))
            block++;
        return block;
    }

    /// <summary>First block in [block, end) that may be overwritten as it is; end where there is none.</summary>
    internal long NextUndone(long block, long end)
    {
        if (!power)
            return NextHeld(block, end);
        while (block < end && !IsSafe(block))
            block++;
        return block;
    }

    /// <summary>The blocks that either holds.</summary>
    internal BlockBitmap Union()
    {
        BlockBitmap union = active.Union();
        union.Or(hidden.Union());
        return union;
    }

    internal void RetryUndo() => Volatile.Write(ref _undoFailure, null);

    internal BlockException FailUndo(BlockException failure) => Interlocked.CompareExchange(ref _undoFailure, failure, null) ?? failure;

    /// <summary>Makes sure that a mark that is absent in memory is absent in the files, too.</summary>
    internal async ValueTask SettleAsync()
    {
        await hidden.SettleAsync();
        await active.SettleAsync();
    }

    internal bool IsSettled => hidden.IsSettled && active.IsSettled;

    public async ValueTask DisposeAsync()
    {
        await active.DisposeAsync();
        await hidden.DisposeAsync();
    }

    private bool IsSafe(long block) => hidden.HoldsSafely(block) || active.HoldsSafely(block);
}
