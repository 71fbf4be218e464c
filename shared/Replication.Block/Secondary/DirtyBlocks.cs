using Replication.Block.Bitmaps;
using Replication.Block.Overlay;
using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>What a promoted node's disk may differ in from the old primary's, on record before the difference can arise (invariant No lost dirt).</summary>
/// <remarks>Under <c>Durability: power</c> a mark is flushed before the write that it guards; one flush serves all that wait for one.</remarks>
internal sealed class DirtyBlocks(PersistentBitmap marks, BlockNode file, bool power) : IAsyncDisposable
{
    private readonly GroupFlush _flush = new(file);
    private readonly BlockBitmap _safe = new(power ? marks.Bits.LengthBits : 0);

    public PersistentBitmap Marks => marks;

    public ValueTask MarkAsync(long first, long count)
    {
        if (!power)
            return marks.MarkAsync(first, count);
        return _safe.AllSet(first, count) ? default : MarkSafelyAsync(first, count);
    }

    public async ValueTask OrAsync(BlockBitmap other)
    {
        await marks.OrAsync(other);
        if (power)
            await PersistAsync();
    }

    public async ValueTask MarkAllAsync()
    {
        await marks.MarkAllAsync();
        if (power)
            await PersistAsync();
    }

    /// <summary>Makes what is marked now survive a loss of power.</summary>
    public async ValueTask PersistAsync()
    {
        var found = new BlockBitmap(marks.Bits.LengthBits);
        found.Or(marks.Bits);
        await _flush.FlushAsync();
        _safe.Or(found);
    }

    public ValueTask DisposeAsync() => marks.DisposeAsync();

    private async ValueTask MarkSafelyAsync(long first, long count)
    {
        await marks.MarkAsync(first, count);
        await _flush.FlushAsync();
        _safe.Set(first, count);
    }
}
