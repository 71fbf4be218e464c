using System.Runtime.CompilerServices;
using Replication.Block.Bitmaps;

namespace Replication.Block.Overlay;

/// <summary>The content of some blocks of a disk, laid over what is below: the active or the hidden disk of one epoch.</summary>
/// <remarks>
/// <para>A sparse data file as long as the disk, and the marks of the blocks that it holds; where a spill directory is configured a second such pair, which
/// takes what the first one has no room for. A block that is marked in the spill file lies there, whatever the first file says, and stays
/// there; so it is looked up there first. Without a spill directory that is one look at a null.</para>
/// <para>Data first, then the mark: a marked block is whole. A live overlay gives nothing back that is marked: nothing is unmarked but by the commit (the first
/// file's marks before the spill file's), no place is used twice; so a reader that has seen a mark may take its time. What a failed
/// write leaves in blocks that are not marked is given back, or stays there, counted.</para>
/// <para>Room: an undo copy takes what the budget has, then spills; the guest also has the reserve. See <see cref="OverlayBudget"/>.</para>
/// </remarks>
public sealed partial class BlockOverlay : IAsyncDisposable
{
    private readonly OverlayFile _main;
    private readonly OverlayFile? _spill;
    private readonly OverlayRoom _room;
    private readonly bool _isGuests;
    private readonly int _blockSizeBytes;

    internal BlockOverlay(OverlayFile main, OverlayFile? spill, OverlayRoom room, bool isGuests)
    {
        _main = main;
        _spill = spill;
        _room = room;
        _isGuests = isGuests;
        _blockSizeBytes = main.Marks.GranularityBytes;
    }

    /// <summary>Blocks of the disk.</summary>
    public long LengthBlocks => _main.Marks.Bits.LengthBits;

    /// <summary>Bytes of the blocks that it holds, the last one counted whole.</summary>
    public long HeldBytes => (_spill is null || _spill.Marks.Bits.Count == 0 ? _main.Marks.Bits.Count : Union().Count) * _blockSizeBytes;

    /// <summary>What it takes in the overlay directory.</summary>
    internal long TakenBytes => _main.TakenBytes;

    internal IEnumerable<OverlayFile> Files => _spill is null ? [_main] : [_main, _spill];

    internal bool IsSettled => _main.IsSettled && _spill?.IsSettled != false;

    /// <summary>Whether it holds the block.</summary>
    public bool Holds(long block) => _main.Marks.Bits[block] || (_spill is not null && _spill.Marks.Bits[block]);

    /// <summary>Whether it holds any block of [first, end).</summary>
    public bool HoldsAny(long first, long end) =>
        _main.Marks.Bits.AnySet(first, end - first) || (_spill is not null && _spill.Marks.Bits.AnySet(first, end - first));

    /// <summary>First block in [block, end) that it holds; end where there is none.</summary>
    public long NextHeld(long block, long end) => _main.Marks.Bits.NextSet(block, _spill is null ? end : _spill.Marks.Bits.NextSet(block, end));

    /// <summary>First block in [block, end) that it does not hold; end where there is none.</summary>
    public long NextUnheld(long block, long end) =>
        _spill is null ? _main.Marks.Bits.NextClear(block, end) : NextClearInBoth(_main.Marks.Bits, _spill.Marks.Bits, block, end);

    /// <summary>The blocks that it holds.</summary>
    internal BlockBitmap Union()
    {
        var union = new BlockBitmap(LengthBlocks);
        foreach (OverlayFile file in Files)
            union.Or(file.Marks.Bits);
        return union;
    }

    /// <summary>
    /// The file that holds the block, and how far that is so; null where none does, and how far that is so. Marks may change
    /// between two looks, but the block itself was seen: a run has one block at least.
    /// </summary>
    internal BlockNode? Find(long block, long end, out long runEnd)
    {
        long limit = end;
        if (_spill is { } spill)
        {
            if (spill.Marks.Bits[block])
            {
                runEnd = Math.Max(block + 1, spill.Marks.Bits.NextClear(block, end));
                return spill.Data;
            }

            limit = Math.Max(block + 1, spill.Marks.Bits.NextSet(block, end));
        }

        bool held = _main.Marks.Bits[block];
        runEnd = Math.Max(block + 1, held ? _main.Marks.Bits.NextClear(block, limit) : _main.Marks.Bits.NextSet(block, limit));
        return held ? _main.Data : null;
    }

    /// <summary>Stores whole blocks and marks them; where that fails they take no room.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask StoreAsync(BlockRange blocks, ReadOnlyMemory<byte> content)
    {
        try
        {
            await WriteAsync(blocks.OffsetBytes, content);
            await MarkAsync(blocks);
        }
        catch (BlockException)
        {
            await GiveBackAsync(blocks);
            throw;
        }
    }

    /// <summary>Makes whole blocks read as zeroes, whatever a failed write left there, and marks them.</summary>
    internal async ValueTask StoreZeroesAsync(BlockRange blocks)
    {
        await ZeroAsync(blocks);
        await MarkAsync(blocks);
    }

    /// <summary>Writes where every block is held, or is written whole; the locks of the blocks are held. Marking follows, or giving back.</summary>
    internal ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> content)
    {
        if (_spill is { } spill)
            return WriteByPlaceAsync(spill, offsetBytes, content);
        if (!_main.TryReserve(offsetBytes / _blockSizeBytes, EndBlock(new BlockRange(offsetBytes, content.Length)), _isGuests))
            return WriteMainAsync(offsetBytes, content);
        ValueTask write = _main.Data.WriteAsync(offsetBytes, content);
        if (!write.IsCompletedSuccessfully)
            return FinishMainAsync(write, offsetBytes, content);
        write.GetAwaiter().GetResult();
        return default;
    }

    /// <summary>Makes a range read as zeroes, as <see cref="WriteAsync"/>. Holes stay holes, nothing is given back.</summary>
    internal async ValueTask ZeroAsync(BlockRange range)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            OverlayFile file = PlaceOf(offset / _blockSizeBytes, EndBlock(range), out long runEnd);
            Extent extent = await file.Data.StatusAsync(BlockRange.FromBounds(offset, Math.Min(runEnd * _blockSizeBytes, range.EndBytes)));
            if (!extent.Flags.HasFlag(ExtentFlags.Zero))
                await file.Data.WriteZeroesAsync(new BlockRange(offset, extent.LengthBytes), WriteFlags.NoUnmap);
            offset += extent.LengthBytes;
        }
    }

    /// <summary>Marks blocks that are whole now.</summary>
    internal ValueTask MarkAsync(BlockRange blocks)
    {
        long first = blocks.OffsetBytes / _blockSizeBytes;
        long end = EndBlock(blocks);
        if (_spill is null && _main.Marks.IsSettled && _main.Marks.Bits.AllSet(first, end - first))
            return default;
        return MarkByPlaceAsync(blocks, end);
    }

    /// <summary>After a failed write: what it has left in blocks that are not marked takes no room any more.</summary>
    internal async ValueTask GiveBackAsync(BlockRange blocks)
    {
        foreach (OverlayFile file in Files)
            await file.GiveBackAsync(blocks.OffsetBytes / _blockSizeBytes, EndBlock(blocks));
    }

    /// <summary>Takes marks away: the commit's last step for those blocks.</summary>
    internal async ValueTask ClearAsync(BlockRange blocks)
    {
        long first = blocks.OffsetBytes / _blockSizeBytes;
        foreach (OverlayFile file in Files)
            await file.ClearAsync(first, EndBlock(blocks) - first);
    }

    /// <summary>Makes sure that a mark that is absent in memory is absent in the files, too.</summary>
    internal async ValueTask SettleAsync()
    {
        foreach (OverlayFile file in Files)
            await file.SettleAsync();
    }

    /// <summary>Whether the block is held so that a loss of power keeps it.</summary>
    internal bool HoldsSafely(long block) => _main.Durable!.Safe[block] || (_spill is not null && _spill.Durable!.Safe[block]);

    /// <summary>Makes what is marked of these blocks safe from a loss of power; their locks are held.</summary>
    internal async ValueTask PersistAsync(BlockRange blocks)
    {
        foreach (OverlayFile file in Files)
            await file.Durable!.PersistAsync(blocks.OffsetBytes / _blockSizeBytes, EndBlock(blocks));
    }

    /// <summary>Makes everything safe that is marked now.</summary>
    internal async ValueTask PersistAllAsync()
    {
        foreach (OverlayFile file in Files)
            await file.Durable!.PersistAllAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (OverlayFile file in Files)
            await file.DisposeAsync();
    }

    private static long NextClearInBoth(BlockBitmap one, BlockBitmap other, long block, long end)
    {
        while (block < end)
        {
            long clear = one.NextClear(block, end);
            block = other.NextClear(clear, end);
            if (block == clear)
                return block;
        }

        return end;
    }

    private long EndBlock(BlockRange range) => (range.EndBytes - 1) / _blockSizeBytes + 1;
}
