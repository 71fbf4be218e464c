using Replication.Block.Bitmaps;

namespace Replication.Block.Overlay;

/// <summary>The two overlays of one disk in one epoch. A checkpoint replaces the whole object, under the closed gate.</summary>
public sealed class OverlayLayers(BlockOverlay active, BlockOverlay hidden) : IAsyncDisposable
{
    private BlockException? _undoFailure;

    /// <summary>What the secondary's guest has written in this epoch.</summary>
    public BlockOverlay Active => active;

    /// <summary>Old content of what the mirror has overwritten in this epoch.</summary>
    public BlockOverlay Hidden => hidden;

    /// <summary>The first undo copy that failed in this epoch and session: no later write that needs undo is let through (invariant Undo).</summary>
    public BlockException? UndoFailure => Volatile.Read(ref _undoFailure);

    /// <summary>True where either overlay holds the block: the secondary disk's copy is not what the view shows.</summary>
    public bool Holds(long block) => hidden.Held[block] || active.Held[block];

    /// <summary>True where neither overlay holds any block of [first, end).</summary>
    public bool HoldsNone(long first, long end) => !active.Held.AnySet(first, end - first) && !hidden.Held.AnySet(first, end - first);

    /// <summary>First block in [block, end) that neither overlay holds; end where there is none.</summary>
    public long NextUnheld(long block, long end)
    {
        while (block < end)
        {
            long clearInHidden = hidden.Held.NextClear(block, end);
            block = active.Held.NextClear(clearInHidden, end);
            if (block == clearInHidden)
                return block;
        }

        return end;
    }

    /// <summary>First block in [block, end) that either overlay holds; end where there is none.</summary>
    public long NextHeld(long block, long end) => active.Held.NextSet(block, hidden.Held.NextSet(block, end));

    /// <summary>The blocks that either holds.</summary>
    internal BlockBitmap Union()
    {
        var union = new BlockBitmap(active.Held.LengthBits);
        union.Or(hidden.Held);
        union.Or(active.Held);
        return union;
    }

    internal void RetryUndo() => Volatile.Write(ref _undoFailure, null);

    internal BlockException FailUndo(BlockException failure) => Interlocked.CompareExchange(ref _undoFailure, failure, null) ?? failure;

    /// <summary>Makes sure that a mark that is absent in memory is absent in the files, too.</summary>
    internal async ValueTask SettleAsync()
    {
        await hidden.Marks.SettleAsync();
        await active.Marks.SettleAsync();
    }

    internal bool IsSettled => hidden.Marks.IsSettled && active.Marks.IsSettled;

    public async ValueTask DisposeAsync()
    {
        await active.DisposeAsync();
        await hidden.DisposeAsync();
    }
}
