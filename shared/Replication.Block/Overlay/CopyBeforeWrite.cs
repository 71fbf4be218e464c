using System.Buffers;
using System.Runtime.CompilerServices;
using Replication.Block.Locks;

namespace Replication.Block.Overlay;

/// <summary>The secondary disk as the mirror writes it: old content goes to the hidden disk before new content takes its place.</summary>
/// <remarks>
/// <para>Invariant Undo: for each block of a request, rounded out, that neither the hidden nor the active disk holds, the old content is in the hidden disk and
/// marked there (in the file, then in memory) before the new content is written. Where an undo copy fails the request fails, and so does every later one of the
/// session that needs undo; requests into blocks that are held go on. The view stays valid either way.</para>
/// <para>Invariant Read: the mark is in memory, with a full fence, before the new content is written;
/// readers look at the marks again after they have read.</para>
/// <para>Overlapping requests take turns on the CowRequest lock, whose ranges are rounded out to blocks.
/// Other nodes join that order with <see cref="BeginCowRequest"/>,
/// <see cref="EndCowRequest"/> and <see cref="WaitForOverlappingRequests"/>. Whoever calls these, or writes, holds the group's gate shared: that is what makes
/// <see cref="DoCheckpoint"/> a change of one pointer. The copy's own read goes to the child directly and waits for nobody.</para>
/// <para>Under <c>Durability: power</c> "held" means: flushed, data and mark, and an undo copy is flushed before the new content is written.</para>
/// <para>Without overlays (a first sync: there is no view yet) writes pass through, still one after the other where they overlap.</para>
/// </remarks>
public sealed class CopyBeforeWrite : BlockNode
{
    private readonly BlockNode _disk;
    private readonly int _blockSizeBytes;
    private readonly int _runBytes;
    private readonly RangeLock _requests = new();

    // Changes only in DoCheckpoint, under the closed gate (or before the first request).
    private volatile OverlayLayers? _layers;

    /// <param name="name">The node's name in errors.</param>
    /// <param name="disk">The secondary disk; stays the caller's.</param>
    /// <param name="blockSizeBytes">Unit of tracking and copying; a power of two.</param>
    public CopyBeforeWrite(string name, BlockNode disk, int blockSizeBytes)
        : base(name, disk.LengthBytes, NodeCapabilities.AllNative)
    {
        _disk = disk;
        _blockSizeBytes = blockSizeBytes;
        _runBytes = Math.Max(Limits.CopyRunBytes, blockSizeBytes);
    }

    /// <summary>Asked where there is no room for an undo copy, which is tried once more where it answers true; null: nobody can make any.</summary>
    internal Func<BlockException, ValueTask<bool>>? MakeRoom { get; init; }

    /// <summary>The overlays of the epoch; null where there is no view.</summary>
    public OverlayLayers? Layers => _layers;

    /// <summary>Whether a failed write failed at keeping the old content (failure case 3), and not at the secondary disk (case 4).</summary>
    public bool IsUndoFailure(BlockException failure) => failure.Node == Name;

    /// <summary>
    /// Starts a request of another node: mirrored writes that overlap its blocks wait until <see cref="EndCowRequest"/>, and it waits for earlier ones.
    /// </summary>
    public ValueTask<RangeLock.Ticket> BeginCowRequest(BlockRange range) => _requests.AcquireAsync(AlignOut(range));

    /// <summary>Ends a request, once.</summary>
    public void EndCowRequest(RangeLock.Ticket request) => _requests.Release(request);

    /// <summary>Waits until every request that overlaps the range's blocks now has ended; later ones are not waited for.</summary>
    public ValueTask WaitForOverlappingRequests(BlockRange range) => _requests.WaitForOverlappingAsync(AlignOut(range));

    /// <summary>Begins an epoch: from here on every block counts as not yet copied. Called under the closed gate.</summary>
    /// <param name="layers">The new epoch's empty overlays; null ends copying.</param>
    public void DoCheckpoint(OverlayLayers? layers) => _layers = layers;

    /// <summary>Writes for a mirror that may repeat what the disk holds: equal blocks are neither undone nor written.</summary>
    internal ValueTask WriteAsync(WriteRequest request, bool compare) => compare ? WriteDifferencesAsync(request) : WriteUndoneAsync(request);

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => _disk.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        WriteUndoneAsync(new WriteRequest(offsetBytes, data, flags));

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => WriteUndoneAsync(new WriteRequest(range, flags));

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteUndoneAsync(new WriteRequest(range, flags));

    protected override ValueTask FlushCore() => _disk.FlushAsync();

    protected override ValueTask<Extent> StatusCore(BlockRange range) => _disk.StatusAsync(range);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteUndoneAsync(WriteRequest request)
    {
        BlockRange blocks = AlignOut(request.Range);
        RangeLock.Ticket ticket = await _requests.AcquireAsync(blocks);
        try
        {
            if (_layers is { } layers)
                await UndoAsync(layers, blocks);
            await request.ApplyAsync(_disk);
        }
        finally
        {
            _requests.Release(ticket);
        }
    }

    private async ValueTask WriteDifferencesAsync(WriteRequest request)
    {
        BlockRange blocks = AlignOut(request.Range);
        RangeLock.Ticket ticket = await _requests.AcquireAsync(blocks);
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(blocks.LengthBytes, _runBytes));
        try
        {
            for (long offset = blocks.OffsetBytes; offset < blocks.EndBytes;)
            {
                var piece = new BlockRange(offset, Math.Min(_runBytes, blocks.EndBytes - offset));
                await WriteDifferencesAsync(request, piece, buffer.AsMemory(0, (int)piece.LengthBytes));
                offset = piece.EndBytes;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _requests.Release(ticket);
        }
    }

    // Whole blocks into old, then each run of blocks that differ: undo, write.
    private async ValueTask WriteDifferencesAsync(WriteRequest request, BlockRange piece, Memory<byte> old)
    {
        await _disk.ReadAsync(piece.OffsetBytes, old);
        for (long offset = piece.OffsetBytes; offset < piece.EndBytes;)
        {
            long end = offset;
            while (end < piece.EndBytes && Differs(request, piece, old.Span, end))
                end = Math.Min(end + _blockSizeBytes, piece.EndBytes);
            if (end > offset)
            {
                var run = BlockRange.FromBounds(offset, end);
                if (_layers is { } layers)
                    await UndoAsync(layers, run);
                await request.Slice(run.Intersect(request.Range)).ApplyAsync(_disk);
            }

            // The block at end is equal, or the piece has ended.
            offset = Math.Min(end + _blockSizeBytes, piece.EndBytes);
        }
    }

    private bool Differs(WriteRequest request, BlockRange piece, ReadOnlySpan<byte> old, long blockOffset)
    {
        BlockRange part = new BlockRange(blockOffset, _blockSizeBytes).Intersect(request.Range).Intersect(piece);
        return !request.Slice(part).Equals(old.Slice((int)(part.OffsetBytes - piece.OffsetBytes), (int)part.LengthBytes));
    }

    // The blocks' CowRequest is held: no other undo touches them, and no mirrored write.
    private ValueTask UndoAsync(OverlayLayers layers, BlockRange blocks)
    {
        long end = (blocks.EndBytes - 1) / _blockSizeBytes + 1;
        long block = layers.NextToUndo(blocks.OffsetBytes / _blockSizeBytes, end);
        return block == end ? default : UndoAsync(layers, blocks, block, end);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask UndoAsync(OverlayLayers layers, BlockRange blocks, long block, long end)
    {
        while (block < end)
        {
            long runEnd = Math.Min(layers.NextUndone(block, end), block + _runBytes / _blockSizeBytes);
            var run = BlockRange.FromBounds(block * _blockSizeBytes, Math.Min(runEnd * _blockSizeBytes, LengthBytes));
            if (layers.UndoFailure is { } earlier)
                throw UndoFailed(run, earlier);
            byte[] buffer = ArrayPool<byte>.Shared.Rent((int)run.LengthBytes);
            try
            {
                Memory<byte> old = buffer.AsMemory(0, (int)run.LengthBytes);
                await _disk.ReadAsync(run.OffsetBytes, old);
                await StoreAsync(layers.Hidden, run, old);
            }
            catch (BlockException e)
            {
                throw UndoFailed(run, layers.FailUndo(e));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            block = layers.NextToUndo(runEnd, end);
        }

        if (layers.IsPower)
            await PersistAsync(layers, blocks);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask StoreAsync(BlockOverlay hidden, BlockRange run, ReadOnlyMemory<byte> old)
    {
        // Zeroes stay holes: trimming a sparse disk must not fill the overlay.
        bool isZero = !old.Span.ContainsAnyExcept((byte)0);
        try
        {
            await (isZero ? hidden.StoreZeroesAsync(run) : hidden.StoreAsync(run, old));
            return;
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NoSpace && MakeRoom is not null)
        {
            if (!await MakeRoom(e))
                throw;
        }

        await (isZero ? hidden.StoreZeroesAsync(run) : hidden.StoreAsync(run, old));
    }

    // Nothing is overwritten whose old content a loss of power could take. One flush serves every request that waits for one.
    private async ValueTask PersistAsync(OverlayLayers layers, BlockRange blocks)
    {
        try
        {
            await layers.Hidden.PersistAsync(blocks);
        }
        catch (BlockException e)
        {
            throw UndoFailed(blocks, layers.FailUndo(e));
        }
    }

    private BlockException UndoFailed(BlockRange run, BlockException cause)
    {
        // No room is nothing that happened at one place.
        string reason = cause.Kind == BlockErrorKind.NoSpace ? cause.Reason : cause.Message;
        return Error(cause.Kind, BlockOperation.Write, run, $"the old content could not be kept: {reason}", cause.Errno, cause);
    }

    private BlockRange AlignOut(BlockRange range) => range.AlignOut(_blockSizeBytes, LengthBytes);
}
