using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.State;

namespace Replication.Block.Overlay;

/// <summary>
/// The marks of an overlay file that hold after a loss of power: blocks whose data was flushed before
/// their durable mark was written (<c>Durability: power</c>).
/// </summary>
/// <remarks>
/// <para>The ordinary marks are written right behind the data; the kernel may bring either to the medium first, so that after a loss of power a mark may stand
/// over data that never got there. After a reboot only these are believed, after a kill the ordinary ones. Order: data, flush,
/// durable mark, flush; only then is a block <i>safe</i>, and undo may be skipped for it.</para>
/// <para>A commit clears under the same turn in which marks are made durable, so that none comes back that was cleared meanwhile. The ordinary mark goes last:
/// a block whose durable mark may still be on the medium is held, and takes its writes in the overlay.</para>
/// </remarks>
internal sealed class DurableMarks(BlockNode data, BlockNode file, PersistentBitmap marks, PersistentBitmap durable) : IAsyncDisposable
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly GroupFlush _dataFlush = new(data);
    private readonly GroupFlush _markFlush = new(file);
    private readonly RangeLock _turns = new();
    private bool _unflushed; // guarded by a turn: a mark that was cleared may be on the medium
    private volatile bool _settling; // written under a turn: words have been written again, and not flushed yet

    /// <summary>Blocks whose data and durable marks have been flushed.</summary>
    public BlockBitmap Safe { get; } = new(marks.Bits.LengthBits);

    /// <summary>What the file says.</summary>
    public PersistentBitmap File => durable;

    /// <summary>At open: what is there is flushed, and then believed.</summary>
    public async ValueTask AdoptAsync()
    {
        await _dataFlush.FlushAsync();
        await _markFlush.FlushAsync();
        Safe.Or(durable.Bits);
    }

    /// <summary>Makes the marked blocks of [first, end) safe; their locks are held. Requests that come together share the flushes.</summary>
    public async ValueTask PersistAsync(long first, long end)
    {
        if (IsSafe(first, end))
            return;
        await _dataFlush.FlushAsync();
        for (long block = NextMarked(first, end); block < end;)
        {
            long runEnd = marks.Bits.NextClear(block, end);
            await durable.MarkAsync(block, runEnd - block);
            block = NextMarked(runEnd, end);
        }

        await _markFlush.FlushAsync();
        for (long block = NextMarked(first, end); block < end;)
        {
            long runEnd = marks.Bits.NextClear(block, end);
            Safe.Set(block, runEnd - block);
            block = NextMarked(runEnd, end);
        }
    }

    /// <summary>Makes everything safe that is marked now, while others go on: a guest's flush.</summary>
    public async ValueTask PersistAllAsync()
    {
        // Marked before the flush begins, so written before it: what comes later is the next flush's.
        var found = new BlockBitmap(marks.Bits.LengthBits);
        found.Or(marks.Bits);
        await _dataFlush.FlushAsync();
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            for (long word = found.NextSetWord(0); word < found.LengthWords; word = found.NextSetWord(word + 1))
            {
                ulong unsafeBits = found.GetWord(word) & marks.Bits.GetWord(word) & ~Safe.GetWord(word);
                found.ClearInWord(word, ~unsafeBits);
            }

            await durable.OrAsync(found);
            await _markFlush.FlushAsync();
            Safe.Or(found);
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>False while the file, or the medium, may have marks that memory does not know.</summary>
    public bool IsSettled => durable.IsSettled && !_settling;

    /// <summary>Makes sure, for good, that a mark that is absent in memory is absent.</summary>
    public async ValueTask SettleAsync()
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            if (IsSettled)
                return;
            _settling = true;
            await durable.SettleAsync();
            await _markFlush.FlushAsync();
            _settling = false;
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>
    /// Takes marks away, for good when the task completes: whoever writes the block below may count on
    /// it. The ordinary marks go last, and stay where that fails.
    /// </summary>
    public async ValueTask ClearAsync(long first, long count)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            if (_unflushed || durable.Bits.AnySet(first, count))
            {
                Safe.Clear(first, count);
                _unflushed = true;
                await durable.ClearAsync(first, count);
                await _markFlush.FlushAsync();
                _unflushed = false;
            }

            await marks.ClearAsync(first, count);
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    public ValueTask DisposeAsync() => durable.DisposeAsync();

    private bool IsSafe(long first, long end)
    {
        for (long block = NextMarked(first, end); block < end; block = NextMarked(block + 1, end))
        {
            if (!Safe[block])
                return false;
        }

        return true;
    }

    private long NextMarked(long block, long end) => marks.Bits.NextSet(block, end);
}
