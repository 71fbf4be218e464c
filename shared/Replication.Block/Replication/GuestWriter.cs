using System.Buffers;
using System.Runtime.CompilerServices;
using Replication.Block.Overlay;
using Replication.Block.Secondary;

namespace Replication.Block.Replication;

/// <summary>Writes of the secondary's guest, by route. The caller holds the gate and the locks of the request's blocks.</summary>
/// <remarks>
/// Into the active disk: a block is marked only when it is wholly filled, so the edges of a request that cover a part of an unmarked block are completed from
/// the chain under the block's lock. Marks come last. Zeroing marks, and never unmarks. A write that fails leaves its blocks with old, new or mixed content
/// where they were marked, as any disk does, and with old content where they were not.
/// Split, after a failover: blocks that an overlay holds take the write in the active disk, any other block in the secondary disk, after its dirty mark; what
/// goes there is final, so that one pass of the commit ends it.
/// </remarks>
internal sealed class GuestWriter(SecondaryDisk disk, GroupState group)
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(IoRoute route, WriteRequest request, OverlayLayers? layers)
    {
        try
        {
            if (route == IoRoute.Active)
                await WriteActiveAsync(layers!, request);
            else if (route == IoRoute.Split)
                await WriteSplitAsync(layers!, request);
            else
                await WriteDirectAsync(request);
        }
        catch (BlockException e)
        {
            group.Report(disk.FailureOf(e), disk.Name, e);
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteSplitAsync(OverlayLayers layers, WriteRequest request)
    {
        BlockRange blocks = disk.AlignOut(request.Range);
        long end = disk.BlockEnd(blocks);
        for (long block = blocks.OffsetBytes / disk.BlockSizeBytes; block < end;)
        {
            bool held = layers.Holds(block);
            long runEnd = held ? layers.NextUnheld(block, end) : layers.NextHeld(block, end);
            WriteRequest part = request.Slice(disk.RangeOf(block, runEnd).Intersect(request.Range));
            if (!held)
            {
                // A mark that only a file has would cover this write after a restart.
                if (!layers.IsSettled)
                    await layers.SettleAsync();
                await WriteDirectAsync(part);
            }
            else
            {
                await WriteHeldAsync(layers, part);
            }

            block = runEnd;
        }
    }

    private async ValueTask WriteHeldAsync(OverlayLayers layers, WriteRequest request)
    {
        try
        {
            await WriteActiveAsync(layers, request);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NoSpace)
        {
            // No room for one more copy: the blocks are committed now, and take the write where they belong.
            await disk.CommitBlocksAsync(layers, disk.AlignOut(request.Range));
            await WriteDirectAsync(request);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteDirectAsync(WriteRequest request)
    {
        // Invariant No lost dirt: the mark before the difference.
        await disk.MarkDirtyAsync(disk.AlignOut(request.Range));
        await request.ApplyAsync(disk.Node);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteActiveAsync(OverlayLayers layers, WriteRequest request)
    {
        try
        {
            await FillActiveAsync(layers, request);
            return;
        }
        catch (BlockException e)
        {
            // Edges that were filled, and what was written of the rest, take no room in blocks that are not held.
            await layers.Active.GiveBackAsync(disk.AlignOut(request.Range));
            if (e.Kind != BlockErrorKind.NoSpace || !await disk.MakeRoomAsync(e))
                throw;
        }

        await FillActiveAgainAsync(layers, request);
    }

    // Old epochs have given their room back.
    private async ValueTask FillActiveAgainAsync(OverlayLayers layers, WriteRequest request)
    {
        try
        {
            await FillActiveAsync(layers, request);
        }
        catch (BlockException)
        {
            await layers.Active.GiveBackAsync(disk.AlignOut(request.Range));
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillActiveAsync(OverlayLayers layers, WriteRequest request)
    {
        BlockRange blocks = disk.AlignOut(request.Range);
        BlockRange rest = request.Range;
        if (rest.OffsetBytes > blocks.OffsetBytes && !layers.Active.Holds(rest.OffsetBytes / disk.BlockSizeBytes))
            rest = await WriteEdgeAsync(layers, request, rest, rest.OffsetBytes / disk.BlockSizeBytes);
        if (rest.EndBytes < blocks.EndBytes && !rest.IsEmpty && !layers.Active.Holds(rest.EndBytes / disk.BlockSizeBytes))
            rest = await WriteEdgeAsync(layers, request, rest, rest.EndBytes / disk.BlockSizeBytes);
        // What is left covers blocks wholly, or blocks that are marked already.
        if (!rest.IsEmpty && request.IsZero)
            await layers.Active.ZeroAsync(rest);
        else if (!rest.IsEmpty)
            await layers.Active.WriteAsync(rest.OffsetBytes, request.Slice(rest).Data);
        await layers.Active.MarkAsync(blocks);
    }

    // One unmarked block that the request covers in part: the rest of it comes from the chain. Returns what is left of the request.
    private async ValueTask<BlockRange> WriteEdgeAsync(OverlayLayers layers, WriteRequest request, BlockRange rest, long block)
    {
        BlockRange whole = disk.RangeOf(block, block + 1);
        BlockRange part = whole.Intersect(rest);
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)whole.LengthBytes);
        try
        {
            Memory<byte> content = buffer.AsMemory(0, (int)whole.LengthBytes);
            await disk.Reader.ReadAsync(layers, whole.OffsetBytes, content);
            request.Slice(part).CopyTo(content.Span[(int)(part.OffsetBytes - whole.OffsetBytes)..]);
            await layers.Active.WriteAsync(whole.OffsetBytes, content);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return part.OffsetBytes == rest.OffsetBytes
            ? BlockRange.FromBounds(part.EndBytes, rest.EndBytes)
            : BlockRange.FromBounds(rest.OffsetBytes, part.OffsetBytes);
    }
}
