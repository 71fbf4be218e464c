using System.Numerics;
using Replication.Block.Bitmaps;
using Replication.Block.State;

namespace Replication.Block.Overlay;

/// <summary>One data file of an overlay with its marks, and the account of what the two take in their directory.</summary>
/// <remarks>
/// <para>Space is taken from the budget before it is written, by whoever holds the locks of the blocks: whole blocks of data, and whole pages of marks (one
/// page of a marks file marks 128 MiB at 4 KiB blocks). A hole takes nothing. What a failed write may have left in unmarked blocks is punched and
/// given back at once (<see cref="GiveBackAsync"/>); what cannot be stays counted, since it is there.</para>
/// <para>Under <c>Durability: power</c> a second marks file holds what survives a loss of power (<see cref="DurableMarks"/>).</para>
/// </remarks>
internal sealed class OverlayFile : IAsyncDisposable
{
    public const int PageBytes = 4096;
    private const int WordBits = 64;

    private readonly OverlayBudget _budget;
    private readonly int _blockSizeBytes;

    // Blocks whose space is taken, and pages of the marks likewise. Bits change under the locks of the
    // blocks; those of pages, which many blocks share, atomically.
    private readonly BlockBitmap _allocated;
    private readonly BlockBitmap _markPages;
    private bool _retiring; // written by the worker that gives the file back, before it does

    private OverlayFile(BlockNode data, PersistentBitmap marks, DurableMarks? durable, OverlayBudget budget)
    {
        Data = data;
        Marks = marks;
        Durable = durable;
        _budget = budget;
        _blockSizeBytes = marks.GranularityBytes;
        _allocated = new BlockBitmap(marks.Bits.LengthBits);
        _markPages = new BlockBitmap((PersistentBitmap.FileBytes(data.LengthBytes, _blockSizeBytes) + PageBytes - 1) / PageBytes);
    }

    /// <summary>The bytes; only marked blocks mean anything.</summary>
    public BlockNode Data { get; }

    public PersistentBitmap Marks { get; }

    /// <summary>Null under <c>Durability: process</c>.</summary>
    public DurableMarks? Durable { get; }

    /// <summary>Blocks whose space is taken, marked or not.</summary>
    public BlockBitmap Allocated => _allocated;

    public bool IsSettled => Marks.IsSettled && Durable?.IsSettled != false;

    /// <summary>What the files take of the budget.</summary>
    public long TakenBytes => BlockBytes(_allocated.Count, _allocated[_allocated.LengthBits - 1]) + PagesBytes(_markPages.Count);

    private int MarkFiles => Durable is null ? 1 : 2;

    /// <summary>A new file, empty; its first pages of marks are there. The parts are its own from here on.</summary>
    public static OverlayFile Create(BlockNode data, PersistentBitmap marks, DurableMarks? durable, OverlayBudget budget)
    {
        var file = new OverlayFile(data, marks, durable, budget);
        file._markPages.Set(0, 1);
        budget.Take(file.TakenBytes);
        return file;
    }

    /// <summary>
    /// A file that was found at open, with what it takes: whatever is allocated in it, and in its files of marks, also where no mark stands there any more.
    /// </summary>
    public static async ValueTask<OverlayFile> LoadAsync(
        BlockNode data, PersistentBitmap marks, DurableMarks? durable, IEnumerable<BlockNode> markFiles, OverlayBudget budget)
    {
        var file = new OverlayFile(data, marks, durable, budget);
        await NoteAllocatedAsync(data, file._allocated, file._blockSizeBytes);
        file._markPages.Set(0, 1);
        foreach (BlockNode markFile in markFiles)
            await NoteAllocatedAsync(markFile, file._markPages, PageBytes);
        budget.Take(file.TakenBytes);
        return file;
    }

    /// <summary>Takes the space that data and marks of blocks [first, end) need beyond what they have; false, and nothing taken, where there is none.</summary>
    public bool TryReserve(long first, long end, bool forGuest)
    {
        long blocks = CountClear(_allocated, first, end);
        long blocksBytes = blocks == 0 ? 0 : BlockBytes(blocks, IsTail(end) && !_allocated[end - 1]);
        long pagesBytes = PagesBytes(NewPages(first, end));
        if (blocksBytes + pagesBytes == 0)
            return true;
        if (!(forGuest ? _budget.TryTakeForGuest(blocksBytes + pagesBytes) : _budget.TryTake(blocksBytes + pagesBytes)))
            return false;
        if (blocks > 0)
            _allocated.Set(first, end - first);
        TakePages(first, end, pagesBytes);
        return true;
    }

    /// <summary>As <see cref="TryReserve"/>, for marks over holes.</summary>
    public bool TryReserveMarks(long first, long end, bool forGuest)
    {
        long neededBytes = PagesBytes(NewPages(first, end));
        if (neededBytes == 0)
            return true;
        if (!(forGuest ? _budget.TryTakeForGuest(neededBytes) : _budget.TryTake(neededBytes)))
            return false;
        TakePages(first, end, neededBytes);
        return true;
    }

    /// <summary>
    /// After a failed write: gives back what blocks [first, end) take without being marked. Their locks are held, and nobody reads an unmarked block. Where a
    /// mark may be in the file though memory does not know it, the data behind it stays, and stays counted.
    /// </summary>
    public async ValueTask GiveBackAsync(long first, long end)
    {
        if (!IsSettled)
            return;
        try
        {
            for (long block = _allocated.NextSet(first, end); block < end;)
            {
                long runEnd = _allocated.NextClear(block, Marks.Bits[block] ? Marks.Bits.NextClear(block, end) : Marks.Bits.NextSet(block, end));
                if (Marks.Bits[block])
                    await GiveHolesBackAsync(block, runEnd);
                else
                    await PunchAsync(block, runEnd);
                block = _allocated.NextSet(runEnd, end);
            }
        }
        catch (BlockException)
        {
            // What could not be punched is there, and counted, until the next checkpoint.
        }
    }

    /// <summary>Takes marks away.</summary>
    public async ValueTask ClearAsync(long first, long count)
    {
        // Page by page: clearing writes words, and must not make a page that is not there.
        for (long end = first + count, pageEnd; first < end; first = pageEnd)
        {
            pageEnd = Math.Min(end, FirstOf(PageOf(first) + 1));
            if (!_markPages[PageOf(first)])
                continue;
            if (Durable is { } durable)
                await durable.ClearAsync(first, pageEnd - first);
            else
                await Marks.ClearAsync(first, pageEnd - first);
        }
    }

    public async ValueTask SettleAsync()
    {
        await Marks.SettleAsync();
        if (Durable is { } durable)
            await durable.SettleAsync();
    }

    /// <summary>Nobody uses the file any more: what it takes no longer asks for a checkpoint.</summary>
    public void BeginRetiring()
    {
        _retiring = true;
        _budget.BeginRetiring(TakenBytes);
    }

    /// <summary>Gives the data back in steps, one a turn. A step takes what lies between scattered blocks with it: one call for up to 256 of them.</summary>
    public async ValueTask RetireAsync(IBackgroundWorker worker, Func<bool> ending)
    {
        long stepBlocks = Math.Max(1, Limits.RetireStepBytes / _blockSizeBytes);
        for (long block = _allocated.NextSet(0, _allocated.LengthBits); block < _allocated.LengthBits && !ending();)
        {
            long stepEnd = Math.Min(block + stepBlocks, _allocated.LengthBits);
            await worker.TurnAsync();
            await PunchAsync(block, stepEnd);
            block = _allocated.NextSet(stepEnd, _allocated.LengthBits);
        }
    }

    /// <summary>Gives the data back at once. Nobody writes the file any more, and what is read of it does not count.</summary>
    public async ValueTask GiveAllBackAsync()
    {
        try
        {
            long stepBlocks = Math.Max(1, Limits.RetireStepBytes / _blockSizeBytes);
            for (long block = _allocated.NextSet(0, _allocated.LengthBits); block < _allocated.LengthBits;)
            {
                long end = Math.Min(block + stepBlocks, _allocated.LengthBits);
                await PunchAsync(block, end);
                block = _allocated.NextSet(end, _allocated.LengthBits);
            }
        }
        catch (BlockException)
        {
            // What could not be punched is there, and counted, until the file is removed.
        }
    }

    /// <summary>The files are gone: the budget has everything back.</summary>
    public void Deleted()
    {
        Give(TakenBytes);
        _allocated.Clear(0, _allocated.LengthBits);
        _markPages.Clear(0, _markPages.LengthBits);
    }

    public async ValueTask DisposeAsync()
    {
        await Data.DisposeAsync();
        await Marks.DisposeAsync();
        if (Durable is { } durable)
            await durable.DisposeAsync();
    }

    private static async ValueTask NoteAllocatedAsync(BlockNode node, BlockBitmap allocated, int unitBytes)
    {
        for (long offset = 0; offset < node.LengthBytes;)
        {
            Extent extent = await node.StatusAsync(BlockRange.FromBounds(offset, node.LengthBytes));
            if (!extent.Flags.HasFlag(ExtentFlags.Hole))
            {
                long first = offset / unitBytes;
                allocated.Set(first, (offset + extent.LengthBytes - 1) / unitBytes + 1 - first);
            }

            offset += extent.LengthBytes;
        }
    }

    private static long PageOf(long block) => (PageBytes + block / WordBits * sizeof(ulong)) / PageBytes;

    private static long FirstOf(long page) => (page - 1) * (PageBytes / sizeof(ulong)) * WordBits;

    private static long CountClear(BlockBitmap bits, long first, long end)
    {
        long clear = 0;
        for (long bit = bits.NextClear(first, end); bit < end; bit = bits.NextClear(BlockBitmap.NextWord(bit), end))
            clear += BitOperations.PopCount(~bits.GetWord(bit / WordBits) & BlockBitmap.Mask(bit, end));
        return clear;
    }

    private async ValueTask PunchAsync(long first, long end)
    {
        await Data.DiscardAsync(RangeOf(first, end));
        Free(first, end);
    }

    // Marked blocks whose space was taken for a write that failed: those that are holes still do not need it.
    private async ValueTask GiveHolesBackAsync(long first, long end)
    {
        for (BlockRange left = RangeOf(first, end); !left.IsEmpty;)
        {
            Extent extent = await Data.StatusAsync(left);
            var found = new BlockRange(left.OffsetBytes, extent.LengthBytes);
            left = BlockRange.FromBounds(found.EndBytes, left.EndBytes);
            long firstHole = (found.OffsetBytes + _blockSizeBytes - 1) / _blockSizeBytes;
            long endHole = found.EndBytes == Data.LengthBytes ? _allocated.LengthBits : found.EndBytes / _blockSizeBytes;
            if (extent.Flags.HasFlag(ExtentFlags.Hole) && firstHole < endHole)
                Free(firstHole, endHole);
        }
    }

    private void Free(long first, long end)
    {
        long blocks = end - first - CountClear(_allocated, first, end);
        bool tail = IsTail(end) && _allocated[end - 1];
        _allocated.Clear(first, end - first);
        if (blocks > 0)
            Give(BlockBytes(blocks, tail));
    }

    private void Give(long bytes)
    {
        if (_retiring)
            _budget.GiveRetired(bytes);
        else
            _budget.Give(bytes);
    }

    private void TakePages(long first, long end, long takenBytes)
    {
        long added = 0;
        for (long page = PageOf(first); page <= PageOf(end - 1); page++)
            added += BitOperations.PopCount(_markPages.SetInWord(page / WordBits, 1UL << (int)(page % WordBits)));
        // Another request may have taken one of the pages meanwhile.
        if (takenBytes > PagesBytes(added))
            Give(takenBytes - PagesBytes(added));
    }

    private long NewPages(long first, long end) => CountClear(_markPages, PageOf(first), PageOf(end - 1) + 1);

    private long PagesBytes(long pages) => pages * MarkFiles * PageBytes;

    // The last block of a disk may be short: it takes whole pages, not a whole block.
    private long BlockBytes(long blocks, bool withTail)
    {
        long bytes = blocks * _blockSizeBytes;
        long tailBytes = Data.LengthBytes % _blockSizeBytes;
        return withTail && tailBytes != 0 ? bytes - _blockSizeBytes + (tailBytes + PageBytes - 1) / PageBytes * PageBytes : bytes;
    }

    private bool IsTail(long end) => end == _allocated.LengthBits;

    private BlockRange RangeOf(long first, long end) => BlockRange.FromBounds(first * _blockSizeBytes, Math.Min(end * _blockSizeBytes, Data.LengthBytes));
}
