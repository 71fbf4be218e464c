using System.Runtime.CompilerServices;
using Replication.Block.Bitmaps;
using Replication.Block.State;

namespace Replication.Block.Overlay;

/// <summary>The content of some blocks of a disk, laid over what is below: the active or the hidden disk of one epoch.</summary>
/// <remarks>
/// A sparse data file as long as the disk, and the marks of the blocks that it holds. Data first, then the mark: a marked block is whole. A live overlay never gives anything back:
/// nothing is unmarked but by the commit, nothing is punched, no place is used twice; so a reader that has seen a mark may take its time. Blocks that are not marked
/// may hold the leavings of a write that failed.
/// </remarks>
public sealed class BlockOverlay(BlockNode data, PersistentBitmap marks) : IAsyncDisposable
{
    /// <summary>The bytes; only marked blocks mean anything.</summary>
    public BlockNode Data => data;

    public PersistentBitmap Marks => marks;

    /// <summary>The blocks that it holds.</summary>
    public BlockBitmap Held => marks.Bits;

    /// <summary>Bytes of the blocks that it holds, the last one counted whole.</summary>
    public long HeldBytes => marks.Bits.Count * marks.GranularityBytes;

    /// <summary>Stores whole blocks and marks them.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask StoreAsync(BlockRange blocks, ReadOnlyMemory<byte> content)
    {
        await data.WriteAsync(blocks.OffsetBytes, content);
        await MarkAsync(blocks);
    }

    /// <summary>Makes whole blocks read as zeroes, whatever a failed write left there, and marks them.</summary>
    public async ValueTask StoreZeroesAsync(BlockRange blocks)
    {
        await ZeroAsync(blocks);
        await MarkAsync(blocks);
    }

    /// <summary>Makes a range read as zeroes. Holes stay holes, nothing is given back.</summary>
    public async ValueTask ZeroAsync(BlockRange range)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            Extent extent = await data.StatusAsync(BlockRange.FromBounds(offset, range.EndBytes));
            if (!extent.Flags.HasFlag(ExtentFlags.Zero))
                await data.WriteZeroesAsync(new BlockRange(offset, extent.LengthBytes), WriteFlags.NoUnmap);
            offset += extent.LengthBytes;
        }
    }

    /// <summary>Marks blocks that are whole now.</summary>
    public ValueTask MarkAsync(BlockRange blocks)
    {
        (long first, long count) = Blocks(blocks);
        return marks.MarkAsync(first, count);
    }

    /// <summary>Takes marks away: the commit's last step for those blocks.</summary>
    public ValueTask ClearAsync(BlockRange blocks)
    {
        (long first, long count) = Blocks(blocks);
        return marks.ClearAsync(first, count);
    }

    public async ValueTask DisposeAsync()
    {
        await data.DisposeAsync();
        await marks.DisposeAsync();
    }

    private (long First, long Count) Blocks(BlockRange range)
    {
        long first = range.OffsetBytes / marks.GranularityBytes;
        return (first, (range.EndBytes - 1) / marks.GranularityBytes + 1 - first);
    }
}
