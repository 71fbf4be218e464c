using System.Runtime.CompilerServices;

namespace Replication.Block.Overlay;

// Where a block goes, and what happens where there is no room for it.
public sealed partial class BlockOverlay
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask MarkByPlaceAsync(BlockRange blocks, long end)
    {
        for (long block = blocks.OffsetBytes / _blockSizeBytes; block < end;)
        {
            OverlayFile file = PlaceOf(block, end, out long runEnd);
            await MarkAsync(file, block, runEnd);
            block = runEnd;
        }
    }

    // Where a block's bytes go. What was begun in the spill file stays there, also before it is marked, and after a restart.
    private OverlayFile PlaceOf(long block, long end, out long runEnd)
    {
        runEnd = end;
        if (_spill is not { } spill)
            return _main;
        bool isSpilled = IsSpilled(spill, block);
        for (runEnd = block + 1; runEnd < end && IsSpilled(spill, runEnd) == isSpilled;)
            runEnd++;
        return isSpilled ? spill : _main;
    }

    private static bool IsSpilled(OverlayFile spill, long block) => spill.Allocated[block] || spill.Marks.Bits[block];

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishMainAsync(ValueTask write, long offsetBytes, ReadOnlyMemory<byte> content)
    {
        try
        {
            await write;
            return;
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NoSpace)
        {
            _room.TellFull();
            if (!_isGuests)
                throw;
        }

        // The file system is full: with some of the reserve given up it may go.
        await WriteMainAsync(offsetBytes, content);
    }

    // The first directory, or nothing: the guest's reserve is given up piece by piece before the guest is told.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteMainAsync(long offsetBytes, ReadOnlyMemory<byte> content)
    {
        var range = new BlockRange(offsetBytes, content.Length);
        while (true)
        {
            BlockException? full = await TryWriteAsync(_main, range, content);
            if (full is null)
                return;
            _room.TellFull();
            if (!_isGuests || !await _room.FreeReserveAsync(range.AlignOut(_blockSizeBytes, _main.Data.LengthBytes).LengthBytes + OverlayFile.PageBytes))
                throw full;
        }
    }

    private async ValueTask WriteByPlaceAsync(OverlayFile spill, long offsetBytes, ReadOnlyMemory<byte> content)
    {
        var range = new BlockRange(offsetBytes, content.Length);
        for (BlockRange left = range; !left.IsEmpty;)
        {
            OverlayFile place = PlaceOf(left.OffsetBytes / _blockSizeBytes, EndBlock(left), out long runEnd);
            if (place == _main)
                runEnd = SameAllocation(left.OffsetBytes / _blockSizeBytes, runEnd);
            var run = BlockRange.FromBounds(left.OffsetBytes, Math.Min(runEnd * _blockSizeBytes, left.EndBytes));
            ReadOnlyMemory<byte> part = content.Slice((int)(run.OffsetBytes - offsetBytes), (int)run.LengthBytes);
            // A block that has its content in the first file keeps it there, also where that file system finds no room for new content. One that has none is
            // new, or a hole that is held: in the spill file it is a hole too, so a part of it is enough.
            long first = run.OffsetBytes / _blockSizeBytes;
            bool maySpill = place == _main && !(_main.Allocated[first] && _main.Marks.Bits.AnySet(first, EndBlock(run) - first));
            BlockException? full = await TryWriteAsync(place, run, part);
            if (full is not null && maySpill)
                full = await TryWriteAsync(spill, run, part);
            if (full is not null && place == _main && _isGuests)
            {
                await WriteMainAsync(run.OffsetBytes, part);
            }
            else if (full is not null)
            {
                _room.TellFull();
                throw full;
            }

            left = BlockRange.FromBounds(run.EndBytes, range.EndBytes);
        }
    }

    private long SameAllocation(long block, long end) => _main.Allocated[block] ? _main.Allocated.NextClear(block, end) : _main.Allocated.NextSet(block, end);

    // Null where it was written; otherwise why there was no room.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockException?> TryWriteAsync(OverlayFile file, BlockRange range, ReadOnlyMemory<byte> content)
    {
        if (!file.TryReserve(range.OffsetBytes / _blockSizeBytes, EndBlock(range), _isGuests))
            return _room.Full(file.Data.Name, range);
        try
        {
            await file.Data.WriteAsync(range.OffsetBytes, content);
            return null;
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NoSpace)
        {
            // What goes on in the other file takes no room in this one.
            if (_spill is not null)
                await file.GiveBackAsync(range.OffsetBytes / _blockSizeBytes, EndBlock(range));
            return e;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask MarkAsync(OverlayFile file, long block, long end)
    {
        while (true)
        {
            BlockException? full;
            if (!file.TryReserveMarks(block, end, _isGuests))
            {
                // Holes that are to be marked, and no room for a page of marks: a hole of the spill file will do.
                if (_spill is not null && file == _main && !_main.Allocated.AnySet(block, end - block) && _spill.TryReserveMarks(block, end, _isGuests))
                {
                    await _spill.Marks.MarkAsync(block, end - block);
                    return;
                }

                full = _room.Full(file.Data.Name, BlockRange.FromBounds(block * _blockSizeBytes, Math.Min(end * _blockSizeBytes, file.Data.LengthBytes)));
            }
            else
            {
                try
                {
                    await file.Marks.MarkAsync(block, end - block);
                    return;
                }
                catch (BlockException e) when (e.Kind == BlockErrorKind.NoSpace)
                {
                    full = e;
                }
            }

            _room.TellFull();
            if (!_isGuests || !await _room.FreeReserveAsync(OverlayFile.PageBytes))
                throw full;
        }
    }
}
