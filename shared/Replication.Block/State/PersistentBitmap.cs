using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;

namespace Replication.Block.State;

/// <summary>A bitmap in a file, with its image in memory; marks of overlays, and the dirty blocks of a promoted node.</summary>
/// <remarks>
/// <para>A mark is visible in memory only after its word is in the file, so what anybody acts on survives a kill. Updates of one word take turns (a range lock
/// on the words' bytes): an older image of a word never lands over a newer one.</para>
/// <para>A write that failed may be in the file all the same. Its words are remembered as unsettled: they
/// are written again by the next update that touches them, and by
/// <see cref="SettleAsync"/>, which whoever relies on a mark being <i>absent</i> calls first.</para>
/// <para>Two ways to clear. <see cref="ClearAsync"/> is for who holds the locks of those blocks: file first, memory second. <see cref="ReleaseAsync"/> runs
/// beside writers that hold none of them and look at a mark to save a write: memory first, then a second look at what they have claimed, then the file.</para>
/// <para>Power: with <c>durable</c> a mark is flushed before it is seen, one flush for all that wait at the same
/// time. A clear never is: what a crash takes back is only a mark too many.</para>
/// <para>File: 4 KiB header (magic 8 bytes, version u32, granularity u32, disk length i64, CRC-32C u32 of those 24 bytes), then the words, 64 bits each,
/// little-endian. Sparse: a hole is clear marks, and loading skips it.</para>
/// </remarks>
public sealed partial class PersistentBitmap : IAsyncDisposable
{
    private const int HeaderBytes = 4096;
    private const int WordBytes = sizeof(ulong);

    private static readonly BlockBitmap s_nothing = new(0);

    private readonly BlockNode _file;
    private readonly RangeLock _words = new();

    // Guards _unsettled; _settled is its emptiness, read without the lock by fast paths.
    private readonly Lock _sync = new();
    private readonly HashSet<long> _unsettled = [];
    private volatile bool _settled = true;

    // Null where the page cache is safe enough.
    private readonly SharedFlush? _flush;

    private PersistentBitmap(BlockNode file, long diskLengthBytes, int granularityBytes, bool durable)
    {
        _file = file;
        _flush = durable ? new SharedFlush(file) : null;
        GranularityBytes = granularityBytes;
        Bits = new BlockBitmap((diskLengthBytes + granularityBytes - 1) / granularityBytes);
    }

    public int GranularityBytes { get; }

    /// <summary>The marks as everybody may see them. Only this class changes them.</summary>
    public BlockBitmap Bits { get; }

    /// <summary>False while a failed write may have left words in the file that memory does not know.</summary>
    public bool IsSettled => _settled;

    /// <summary>Marks a run of blocks: in the file, then in memory. Completes at once where all are marked.</summary>
    public ValueTask MarkAsync(long firstBit, long count) =>
        IsMarked(firstBit, count) ? default : UpdateAsync(new Change(firstBit, firstBit + count, null, Set: true));

    /// <summary>
    /// Every block of the run is marked in the file. Beside <see cref="ReleaseAsync"/> that holds only for who has
    /// claimed the blocks before this look, with a full fence in between.
    /// </summary>
    // The marks first: a release that failed says so before it gives its marks back.
    public bool IsMarked(long firstBit, long count) => Bits.AllSet(firstBit, count) && _settled;

    /// <summary>Clears a run of marks: in the file, then in memory.</summary>
    public ValueTask ClearAsync(long firstBit, long count) =>
        _settled && !Bits.AnySet(firstBit, count) ? default : UpdateAsync(new Change(firstBit, firstBit + count, null, Set: false));

    /// <summary>Marks every block that is marked in <paramref name="other"/>: one update of the file for a page of words, however scattered they are.</summary>
    public async ValueTask OrAsync(BlockBitmap other)
    {
        Invariant.Check(other.LengthBits == Bits.LengthBits, "bitmaps that are united have one length");
        for (long word = other.NextSetWord(0); word < other.LengthWords; word = other.NextSetWord(word))
        {
            long end = Math.Min(word + Limits.BitmapUpdateBytes / WordBytes, other.LengthWords);
            while (other.GetWord(end - 1) == 0)
                end--;
            await UpdateAsync(new Change(word * 64, Math.Min(end * 64, Bits.LengthBits), other, Set: true));
            word = end;
        }
    }

    /// <summary>
    /// Clears marks of words [<paramref name="firstWord"/>, <paramref name="endWord"/>), at most
    /// <see cref="Limits.BitmapUpdateBytes"/> of them, while others mark. Returns how many went.
    /// </summary>
    /// <remarks>
    /// A writer claims its block, then looks for the mark, and writes none where it finds one. Here the mark goes from memory first, then the claims are looked
    /// at once more: one of the two sees the other. A mark that is claimed comes back before the image is made, so the file never lacks it.
    /// </remarks>
    /// <param name="firstWord">The first word.</param>
    /// <param name="endWord">The word behind the last one.</param>
    /// <param name="released">The bits of a word that may go; asked under the word's turn.</param>
    /// <param name="claimed">The bits of a word that must stay; asked after they have gone from memory.</param>
    /// <exception cref="BlockException">The file could not be written: every mark of these words stays.</exception>
    public async ValueTask<long> ReleaseAsync(long firstWord, long endWord, Func<long, ulong> released, Func<long, ulong> claimed)
    {
        int words = (int)(endWord - firstWord);
        Invariant.Check(words is > 0 and <= Limits.BitmapUpdateBytes / WordBytes, "marks are released in runs of at most a page");
        var range = new BlockRange(HeaderBytes + firstWord * WordBytes, words * WordBytes);
        RangeLock.Ticket turn = await _words.AcquireAsync(range);
        byte[] image = ArrayPool<byte>.Shared.Rent(words * WordBytes);
        ulong[] gone = ArrayPool<ulong>.Shared.Rent(words);
        try
        {
            long count = 0;
            for (int i = 0; i < words; i++)
            {
                long word = firstWord + i;
                // Interlocked: a full fence between the mark's going and the look at the claims.
                ulong removed = Bits.ClearInWord(word, released(word));
                ulong back = removed == 0 ? 0 : removed & claimed(word);
                Bits.SetInWord(word, back);
                gone[i] = removed & ~back;
                count += BitOperations.PopCount(gone[i]);
                BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(i * WordBytes), Bits.GetWord(word));
            }

            if (count == 0)
                return 0;
            await _file.WriteAsync(range.OffsetBytes, image.AsMemory(0, words * WordBytes));
            Settle(firstWord, words);
            return count;
        }
        catch (BlockException)
        {
            // First the warning that the file may lack them, then the marks.
            Unsettle(firstWord, words);
            for (int i = 0; i < words; i++)
                Bits.SetInWord(firstWord + i, gone[i]);
            throw;
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(gone);
            ArrayPool<byte>.Shared.Return(image);
            _words.Release(turn);
        }
    }

    /// <summary>Marks every block.</summary>
    public ValueTask MarkAllAsync() => MarkAsync(0, Bits.LengthBits);

    /// <summary>Writes every word again whose last write failed.</summary>
    public async ValueTask SettleAsync()
    {
        while (!_settled)
        {
            long word;
            lock (_sync)
            {
                if (_unsettled.Count == 0)
                    return;
                word = _unsettled.First();
            }

            // Setting nothing writes the word's image as memory has it.
            await UpdateAsync(new Change(word * 64, Math.Min((word + 1) * 64, Bits.LengthBits), s_nothing, Set: true));
        }
    }

    /// <summary>Makes the file as it is now survive a loss of power.</summary>
    /// <exception cref="BlockException">It may not.</exception>
    public ValueTask FlushAsync() => _file.FlushAsync();

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask UpdateAsync(Change change)
    {
        long endWord = (change.EndBit + 63) / 64;
        for (long word = change.FirstBit / 64; word < endWord;)
        {
            int words = (int)Math.Min(Limits.BitmapUpdateBytes / WordBytes, endWord - word);
            var range = new BlockRange(HeaderBytes + word * WordBytes, words * WordBytes);
            RangeLock.Ticket turn = await _words.AcquireAsync(range);
            byte[] image = ArrayPool<byte>.Shared.Rent(words * WordBytes);
            try
            {
                if (!Encode(change, word, words, image) && _settled)
                {
                    // Whoever had the turn before has done it.
                    word += words;
                    continue;
                }

                await _file.WriteAsync(range.OffsetBytes, image.AsMemory(0, words * WordBytes));
                if (_flush is not null && change.Set)
                    await _flush.RunAsync();
                Show(change, word, words);
            }
            catch (BlockException)
            {
                Unsettle(word, words);
                throw;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(image);
                _words.Release(turn);
            }

            word += words;
        }
    }

    // False: the words are so already.
    private bool Encode(Change change, long word, int words, Span<byte> image)
    {
        bool changes = false;
        for (int i = 0; i < words; i++)
        {
            ulong now = Bits.GetWord(word + i);
            ulong next = change.Set ? now | change.Mask(word + i) : now & ~change.Mask(word + i);
            changes |= next != now;
            BinaryPrimitives.WriteUInt64LittleEndian(image[(i * WordBytes)..], next);
        }

        return changes;
    }

    // The file has it: now everybody may see it.
    private void Show(Change change, long word, int words)
    {
        for (int i = 0; i < words; i++)
        {
            if (change.Set)
                Bits.SetInWord(word + i, change.Mask(word + i));
            else
                Bits.ClearInWord(word + i, change.Mask(word + i));
        }

        Settle(word, words);
    }

    // The file has these words as memory has them.
    private void Settle(long word, int words)
    {
        if (_settled)
            return;
        lock (_sync)
        {
            for (int i = 0; i < words; i++)
                _unsettled.Remove(word + i);
            _settled = _unsettled.Count == 0;
        }
    }

    private void Unsettle(long word, int words)
    {
        lock (_sync)
        {
            for (int i = 0; i < words; i++)
                _unsettled.Add(word + i);
            _settled = false;
        }
    }

    /// <summary>Which bits of [FirstBit, EndBit) change: all of them, or those of <paramref name="Pattern"/>.</summary>
    private readonly record struct Change(long FirstBit, long EndBit, BlockBitmap? Pattern, bool Set)
    {
        public ulong Mask(long word)
        {
            ulong mask = BlockBitmap.Mask(Math.Max(FirstBit, word * 64), EndBit);
            if (Pattern is null)
                return mask;
            return word < Pattern.LengthWords ? mask & Pattern.GetWord(word) : 0;
        }
    }
}
