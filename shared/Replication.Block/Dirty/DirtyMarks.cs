using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.State;

namespace Replication.Block.Dirty;

/// <summary>
/// Which blocks of a primary's disk may differ from the secondary's: marked in a file before the
/// difference can arise, and cleared in it after a flush of the mirror.
/// </summary>
/// <remarks>
/// <para>Invariant No lost dirt: at any instant, and after a kill at any instant, every block that may differ is marked in the file. More may be marked.</para>
/// <para>A mark is either <i>unflushed</i> (the block was forwarded, or equal; a flush of the mirror clears it) or it <i>needs a copy</i>
/// (<see cref="_needsCopy"/>: nothing on its way makes the block equal, so only a copy, or a forwarded
/// write that covers it, turns it into the first kind).</para>
/// <para>What a flush may clear is decided by phases, as RCU decides what may be freed. Every write notes its blocks as touched in the phase that is current
/// under its range lock. A pass flips the phase, waits for the quorum's writes and then for the mirror's answers, flushes, and clears what was touched in the
/// old phase alone. A touch is also the writer's claim against a clear that runs beside it: see <see cref="PersistentBitmap.ReleaseAsync"/>.</para>
/// <para>Order for a writer or copier, all under the quorum's range lock: touch; mark; then either demand a copy, or enqueue the forward and say so. Touch
/// before mark before demand: the pass relies on it.</para>
/// </remarks>
public sealed class DirtyMarks : IAsyncDisposable
{
    private static readonly BlockRange s_turn = new(0, 1);

    private readonly PersistentBitmap _bitmap;
    private readonly long _diskLengthBytes;
    private readonly int _blockShift;
    private readonly BlockBitmap[] _touched;
    private readonly BlockBitmap _needsCopy;

    // Held by a pass that clears and by the beginning of a session: marks of one session are not cleared in the name of another.
    private readonly RangeLock _turns = new();
    private readonly Lock _sync = new();
    private volatile int _phase; // flipped under _sync
    private long _session; // guarded by _sync; changes under a turn
    private bool _passIsOpen; // guarded by _sync: of this session
    private long _fileWrites; // Interlocked

    /// <param name="bitmap">The file's; these marks' from here on.</param>
    /// <param name="diskLengthBytes">Length of the disk.</param>
    public DirtyMarks(PersistentBitmap bitmap, long diskLengthBytes)
    {
        _bitmap = bitmap;
        _diskLengthBytes = diskLengthBytes;
        _blockShift = System.Numerics.BitOperations.Log2((uint)bitmap.GranularityBytes);
        _touched = [new BlockBitmap(bitmap.Bits.LengthBits), new BlockBitmap(bitmap.Bits.LengthBits)];
        _needsCopy = new BlockBitmap(bitmap.Bits.LengthBits);
    }

    /// <summary>Unit of marking.</summary>
    public int BlockSizeBytes => _bitmap.GranularityBytes;

    /// <summary>Marked bytes, in whole blocks.</summary>
    public long DirtyBytes => _bitmap.Bits.Count << _blockShift;

    /// <summary>Of them, those that nothing but a copy makes equal; means something while a session runs.</summary>
    public long NeedsCopyBytes => _needsCopy.Count << _blockShift;

    /// <summary>There may be marks that a flush clears.</summary>
    public bool HasUnflushed => _touched[0].Count + _touched[1].Count > 0;

    /// <summary>How often marks had to be written to the file, since the beginning: what clearing them costs the writers that come next.</summary>
    public long FileWrites => Volatile.Read(ref _fileWrites);

    /// <summary>Called when a range begins to need a copy, on a writer's thread under its range lock: must not block.</summary>
    public Action? CopyDemanded { get; set; }

    /// <summary>The blocks of a range are about to change, or to be copied: touched, then marked. Completes at once where they are marked already.</summary>
    /// <exception cref="BlockException">The file took no mark: the disk must not be changed.</exception>
    public ValueTask BeforeWriteAsync(BlockRange range)
    {
        long first = range.OffsetBytes >> _blockShift;
        long count = ((range.EndBytes - 1) >> _blockShift) + 1 - first;
        Touch(_touched[_phase], first, count);
        if (_bitmap.IsMarked(first, count))
            return default;
        Interlocked.Add(ref _fileWrites, 1 + (count / (Limits.BitmapUpdateBytes * 8)));
        return _bitmap.MarkAsync(first, count);
    }

    /// <summary>
    /// A range that was touched is on its way to the mirror, behind everything that was before: blocks that it covers wholly need no copy any more.
    /// </summary>
    public void Forwarded(BlockRange range)
    {
        if (_needsCopy.Count == 0)
            return;
        (long first, long end) = Covered(range);
        if (end > first)
            _needsCopy.Clear(first, end - first);
    }

    /// <summary>A range that was touched differs, or may, and nothing that is on its way heals it.</summary>
    public void DemandCopy(BlockRange range)
    {
        long first = range.OffsetBytes >> _blockShift;
        _needsCopy.Set(first, ((range.EndBytes - 1) >> _blockShift) + 1 - first);
        CopyDemanded?.Invoke();
    }

    /// <summary>A block of the range needs a copy: it may differ, and nothing that has been enqueued makes it equal.</summary>
    public bool NeedsCopy(BlockRange range)
    {
        long first = range.OffsetBytes >> _blockShift;
        return _needsCopy.AnySet(first, ((range.EndBytes - 1) >> _blockShift) + 1 - first);
    }

    /// <summary>The first run of blocks at or behind an offset that need a copy, at most that long; empty where there is none.</summary>
    public BlockRange NextToCopy(long offsetBytes, long mostBytes)
    {
        long blocks = _needsCopy.LengthBits;
        for (long first = Math.Min(offsetBytes >> _blockShift, blocks); (first = _needsCopy.NextSet(first, blocks)) < blocks;)
        {
            long end = _needsCopy.NextClear(first, Math.Min(blocks, first + Math.Max(1, mostBytes >> _blockShift)));
            // A guest's write may have covered the block since it was found: then the next one counts.
            if (end > first)
                return BlockRange.FromBounds(first << _blockShift, Math.Min(end << _blockShift, _diskLengthBytes));
        }

        return new BlockRange(_diskLengthBytes, 0);
    }

    /// <summary>
    /// A mirror session begins: no write is under way, and from here on every one is forwarded. With <paramref name="copyMarked"/> what is marked needs a copy;
    /// without, a pass over the whole disk is about to compare or copy everything, and says with
    /// <see cref="SettleAll"/> that it is done. Returns the session's number, for its passes.
    /// </summary>
    public async ValueTask<long> BeginSessionAsync(bool copyMarked)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            Empty(_touched[0]);
            Empty(_touched[1]);
            Empty(_needsCopy);
            if (copyMarked)
                _needsCopy.Or(_bitmap.Bits);
            lock (_sync)
            {
                // A pass of the last session that is still waiting for its mirror will clear nothing.
                _passIsOpen = false;
                return ++_session;
            }
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    /// <summary>Everything that was marked when the session began has been found equal or been copied: a flush that begins from now on may clear it.</summary>
    public void SettleAll()
    {
        lock (_sync)
            _touched[_phase].Or(_bitmap.Bits);
    }

    /// <summary>
    /// Begins a pass; null where one is under way, or the session is not that one any more. The caller then waits for every write that holds the range lock
    /// now, then for the mirror's answer to everything enqueued, then for a flush; and ends or abandons the pass.
    /// </summary>
    public CleaningPass? TryBeginPass(long session)
    {
        lock (_sync)
        {
            if (_passIsOpen || _session != session)
                return null;
            _passIsOpen = true;
            int old = _phase;
            _phase = old ^ 1;
            return new CleaningPass(old, session);
        }
    }

    /// <summary>The flush succeeded: clears what was touched in the old phase alone and needs no copy. Returns the bytes that are clean now.</summary>
    public ValueTask<long> EndPassAsync(CleaningPass pass) => ClosePassAsync(pass, flushed: true);

    /// <summary>There was no flush: what was touched waits for the next pass.</summary>
    public async ValueTask AbandonPassAsync(CleaningPass pass) => await ClosePassAsync(pass, flushed: false);

    /// <summary>Makes what is marked now survive a loss of power.</summary>
    /// <exception cref="BlockException">It may not.</exception>
    public ValueTask FlushAsync() => _bitmap.FlushAsync();

    public ValueTask DisposeAsync() => _bitmap.DisposeAsync();

    private async ValueTask<long> ClosePassAsync(CleaningPass pass, bool flushed)
    {
        RangeLock.Ticket turn = await _turns.AcquireAsync(s_turn);
        try
        {
            // A new session has forgotten who touched what: nothing is cleared in the name of an older one.
            if (!IsCurrent(pass))
                return 0;
            long cleared = flushed ? await ClearAsync(pass.OldPhase) : 0;
            if (!flushed)
            {
                _touched[pass.OldPhase ^ 1].Or(_touched[pass.OldPhase]);
                Empty(_touched[pass.OldPhase]);
            }

            lock (_sync)
                _passIsOpen = false;
            return cleared << _blockShift;
        }
        finally
        {
            _turns.Release(turn);
        }
    }

    private bool IsCurrent(CleaningPass pass)
    {
        lock (_sync)
            return pass.Session == _session;
    }

    private async ValueTask<long> ClearAsync(int oldPhase)
    {
        BlockBitmap old = _touched[oldPhase];
        BlockBitmap since = _touched[oldPhase ^ 1];
        long cleared = 0;
        for (long word = old.NextSetWord(0); word < old.LengthWords; word = old.NextSetWord(word))
        {
            long end = word + 1;
            while (end < old.LengthWords && end - word < Limits.BitmapUpdateBytes / sizeof(ulong) && old.GetWord(end) != 0)
                end++;
            try
            {
                // Who needs a copy is asked first: a copy touches before it says that none is needed any more.
                cleared += await _bitmap.ReleaseAsync(word, end, w => old.GetWord(w) & ~_needsCopy.GetWord(w) & ~since.GetWord(w), since.GetWord);
            }
            catch (BlockException)
            {
                // They are marked still: a later pass clears them.
                for (long w = word; w < end; w++)
                    since.SetInWord(w, old.GetWord(w));
            }

            for (long w = word; w < end; w++)
                old.ClearInWord(w, ulong.MaxValue);
            word = end;
        }

        return cleared;
    }

    // Whole blocks inside the range; the disk's last block may be short.
    private (long First, long End) Covered(BlockRange range)
    {
        long first = (range.OffsetBytes + BlockSizeBytes - 1) >> _blockShift;
        long end = range.EndBytes == _diskLengthBytes ? _needsCopy.LengthBits : range.EndBytes >> _blockShift;
        return (first, end);
    }

    // A bit that is set already was set by an interlocked write that is over: whoever clears marks sees it as well as one of ours.
    private static void Touch(BlockBitmap touched, long first, long count)
    {
        if (count > 1 || !touched[first])
            touched.Set(first, count);
    }

    private static void Empty(BlockBitmap bitmap)
    {
        for (long word = bitmap.NextSetWord(0); word < bitmap.LengthWords; word = bitmap.NextSetWord(word + 1))
            bitmap.ClearInWord(word, ulong.MaxValue);
    }
}
