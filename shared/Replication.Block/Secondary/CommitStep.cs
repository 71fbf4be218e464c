using System.Buffers;
using Replication.Block.Overlay;

namespace Replication.Block.Secondary;

/// <summary>One step of the active commit: a run of blocks goes from the overlays down to the secondary disk.</summary>
/// <remarks>
/// Order, for a kill between any two instructions: dirty marks; the topmost layer's content to the secondary disk; the hidden marks away; the active marks
/// away. Until the last mark is gone the block reads from its topmost layer, which holds the same bytes. The other order of clearing would show old content of
/// the hidden disk once the active mark is gone. Doing a step twice does no harm. Under <c>Durability: power</c> each of the
/// three is flushed before the next begins, and the last one before the locks are released.
/// </remarks>
internal static class CommitStep
{
    /// <summary>Commits what is held of the range; the caller holds the gate and the blocks' locks.</summary>
    public static async ValueTask RunAsync(SecondaryDisk disk, OverlayLayers layers, BlockRange blocks)
    {
        long end = disk.BlockEnd(blocks);
        int failures = disk.Flushes.Failures;
        for (long block = layers.NextHeld(blocks.OffsetBytes / disk.BlockSizeBytes, end); block < end;)
        {
            BlockNode? source = layers.Active.Find(block, end, out long runEnd) ?? layers.Hidden.Find(block, runEnd, out runEnd);
            Invariant.Check(source is not null, "what is held while its lock is held stays held");
            await disk.MarkDirtyAsync(disk.RangeOf(block, runEnd));
            await CopyAsync(disk, source, disk.RangeOf(block, runEnd));
            block = layers.NextHeld(runEnd, end);
        }

        // What only the overlays had must be in the disk for good before they forget it.
        if (layers.IsPower)
            await disk.Flushes.FlushThroughAsync(disk.CommitNode, failures);
        await layers.Hidden.ClearAsync(blocks);
        await layers.Active.ClearAsync(blocks);
    }

    // Holes of the overlay become holes of the disk.
    private static async ValueTask CopyAsync(SecondaryDisk disk, BlockNode source, BlockRange range)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(range.LengthBytes, Limits.CopyRunBytes));
        try
        {
            for (long offset = range.OffsetBytes; offset < range.EndBytes;)
            {
                Extent extent = await source.StatusAsync(BlockRange.FromBounds(offset, range.EndBytes));
                if (extent.Flags.HasFlag(ExtentFlags.Zero))
                {
                    await disk.CommitNode.WriteZeroesAsync(new BlockRange(offset, extent.LengthBytes));
                    offset += extent.LengthBytes;
                    continue;
                }

                Memory<byte> content = buffer.AsMemory(0, (int)Math.Min(extent.LengthBytes, Math.Min(buffer.Length, Limits.CopyRunBytes)));
                await source.ReadAsync(offset, content);
                await disk.CommitNode.WriteAsync(offset, content);
                offset += content.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
