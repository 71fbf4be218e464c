using System.Runtime.CompilerServices;
using Replication.Block.Overlay;

namespace Replication.Block.Replication;

/// <summary>Reads a disk through its layers: active, hidden, secondary disk (invariants View and Read).</summary>
/// <remarks>
/// The caller holds the gate, so the epoch stays. Marks are looked at per run of blocks, top layer first. What an overlay holds does not change under a reader:
/// an overlay gives nothing back while it is live. What neither holds is read from the secondary disk, and then both bitmaps are looked at again: the mirror
/// marks before it overwrites, and skips undo where the guest has marked, so a block that is still unmarked in <i>both</i> had its old content when it was
/// read. Any other run is read again from the top; marks only grow while the mirror writes, so each retry finds one more block held and the reader gets on.
/// During a commit the marks shrink, but then nobody writes a block of the secondary disk before its overlay content has been put there.
/// </remarks>
internal sealed class LayerReader(BlockNode disk, int blockSizeBytes)
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(OverlayLayers layers, long offsetBytes, Memory<byte> buffer)
    {
        long endBytes = offsetBytes + buffer.Length;
        long endBlock = (endBytes - 1) / blockSizeBytes + 1;
        for (long position = offsetBytes; position < endBytes;)
        {
            long block = position / blockSizeBytes;
            BlockNode? overlay = Find(layers, block, endBlock, out long runEnd);
            int lengthBytes = (int)(Math.Min(runEnd * blockSizeBytes, endBytes) - position);
            await (overlay ?? disk).ReadAsync(position, buffer.Slice((int)(position - offsetBytes), lengthBytes));
            if (overlay is null && !IsStillUnheld(layers, block, runEnd))
                continue;
            position += lengthBytes;
        }
    }

    /// <summary>Status of the extent that begins the range, as the view has it.</summary>
    public async ValueTask<Extent> StatusAsync(OverlayLayers layers, BlockRange range)
    {
        long block = range.OffsetBytes / blockSizeBytes;
        while (true)
        {
            BlockNode? overlay = Find(layers, block, (range.EndBytes - 1) / blockSizeBytes + 1, out long runEnd);
            var part = BlockRange.FromBounds(range.OffsetBytes, Math.Min(runEnd * blockSizeBytes, range.EndBytes));
            Extent extent = await (overlay ?? disk).StatusAsync(part);
            if (overlay is not null || IsStillUnheld(layers, block, runEnd))
                return extent;
        }
    }

    // The overlay's file that shows the block, null for the secondary disk, and how far that is so.
    private static BlockNode? Find(OverlayLayers layers, long block, long endBlock, out long runEnd) =>
        layers.Active.Find(block, endBlock, out runEnd) ?? layers.Hidden.Find(block, runEnd, out runEnd);

    private static bool IsStillUnheld(OverlayLayers layers, long block, long runEnd)
    {
        // The read comes before the look, on every processor.
        Interlocked.MemoryBarrier();
        return layers.HoldsNone(block, runEnd);
    }
}
