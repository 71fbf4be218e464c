using System.Numerics;

namespace Replication.Block.Bitmaps;

/// <summary>One bit per block of a disk, in memory; a clean disk costs next to nothing.</summary>
/// <remarks>
/// Two levels: leaves are allocated at their first mark and stay. Words are read and changed atomically, so any thread may mark, clear and look; a run that
/// spans words is not one atomic step, and whoever needs it to be one holds the lock of those blocks. Marks are full fences: what a thread does after
/// <see cref="Set"/> is seen by others no earlier than the mark.
/// </remarks>
public sealed class BlockBitmap
{
    private const int WordBits = 64;
    private const int LeafBits = Limits.BitmapLeafWords * WordBits;

    // Each leaf appears once, with Interlocked; its words change with Interlocked only.
    private readonly ulong[]?[] _leaves;
    private long _count;

    public BlockBitmap(long lengthBits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBits);
        LengthBits = lengthBits;
        _leaves = new ulong[]?[(lengthBits + LeafBits - 1) / LeafBits];
    }

    public long LengthBits { get; }

    /// <summary>Words that the bits fill.</summary>
    public long LengthWords => (LengthBits + WordBits - 1) / WordBits;

    /// <summary>Number of bits that are set; exact when nobody changes the bitmap.</summary>
    public long Count => Volatile.Read(ref _count);

    public bool this[long bit] => (GetWord(bit / WordBits) >> (int)(bit % WordBits) & 1) != 0;

    /// <summary>The word at an index, lowest bit first; zero where nothing was ever marked.</summary>
    public ulong GetWord(long wordIndex)
    {
        ulong[]? leaf = Volatile.Read(ref _leaves[wordIndex / Limits.BitmapLeafWords]);
        return leaf is null ? 0 : Volatile.Read(ref leaf[wordIndex % Limits.BitmapLeafWords]);
    }

    /// <summary>Sets bits of one word. Returns those that were clear.</summary>
    public ulong SetInWord(long wordIndex, ulong bits)
    {
        if (bits == 0)
            return 0;
        ulong before = Interlocked.Or(ref Leaf(wordIndex)[wordIndex % Limits.BitmapLeafWords], bits);
        ulong added = bits & ~before;
        if (added != 0)
            Interlocked.Add(ref _count, BitOperations.PopCount(added));
        return added;
    }

    /// <summary>Clears bits of one word. Returns those that were set.</summary>
    public ulong ClearInWord(long wordIndex, ulong bits)
    {
        ulong[]? leaf = Volatile.Read(ref _leaves[wordIndex / Limits.BitmapLeafWords]);
        if (leaf is null || bits == 0)
            return 0;
        ulong removed = bits & Interlocked.And(ref leaf[wordIndex % Limits.BitmapLeafWords], ~bits);
        if (removed != 0)
            Interlocked.Add(ref _count, -BitOperations.PopCount(removed));
        return removed;
    }

    /// <summary>Sets a run of bits.</summary>
    public void Set(long firstBit, long count)
    {
        for (long bit = firstBit, end = firstBit + count; bit < end; bit = NextWord(bit))
            SetInWord(bit / WordBits, Mask(bit, end));
    }

    /// <summary>Clears a run of bits.</summary>
    public void Clear(long firstBit, long count)
    {
        for (long bit = firstBit, end = firstBit + count; bit < end; bit = NextWord(bit))
            ClearInWord(bit / WordBits, Mask(bit, end));
    }

    /// <summary>First set bit in [<paramref name="bit"/>, <paramref name="end"/>); <paramref name="end"/> where there is none.</summary>
    public long NextSet(long bit, long end) => Next(bit, end, flip: 0);

    /// <summary>First clear bit in [<paramref name="bit"/>, <paramref name="end"/>); <paramref name="end"/> where there is none.</summary>
    public long NextClear(long bit, long end) => Next(bit, end, flip: ulong.MaxValue);

    public bool AnySet(long firstBit, long count) => NextSet(firstBit, firstBit + count) < firstBit + count;

    public bool AllSet(long firstBit, long count) => NextClear(firstBit, firstBit + count) == firstBit + count;

    /// <summary>Sets every bit that is set in <paramref name="other"/>, which has the same length.</summary>
    public void Or(BlockBitmap other)
    {
        Invariant.Check(other.LengthBits == LengthBits, "bitmaps that are united have one length");
        for (long word = other.NextSetWord(0); word < LengthWords; word = other.NextSetWord(word + 1))
            SetInWord(word, other.GetWord(word));
    }

    /// <summary>Index of the first word at or behind <paramref name="wordIndex"/> that is not zero; <see cref="LengthWords"/> where there is none.</summary>
    public long NextSetWord(long wordIndex)
    {
        while (wordIndex < LengthWords)
        {
            if (Volatile.Read(ref _leaves[wordIndex / Limits.BitmapLeafWords]) is null)
                wordIndex = (wordIndex / Limits.BitmapLeafWords + 1) * Limits.BitmapLeafWords;
            else if (GetWord(wordIndex) != 0)
                return wordIndex;
            else
                wordIndex++;
        }

        return LengthWords;
    }

    /// <summary>The bits of <paramref name="bit"/>'s word that lie in [<paramref name="bit"/>, <paramref name="end"/>).</summary>
    internal static ulong Mask(long bit, long end)
    {
        ulong mask = ulong.MaxValue << (int)(bit % WordBits);
        long wordEnd = NextWord(bit);
        return end >= wordEnd ? mask : mask & ulong.MaxValue >> (int)(wordEnd - end);
    }

    /// <summary>First bit of the word behind <paramref name="bit"/>'s.</summary>
    internal static long NextWord(long bit) => (bit / WordBits + 1) * WordBits;

    private long Next(long bit, long end, ulong flip)
    {
        while (bit < end)
        {
            if (flip == 0 && Volatile.Read(ref _leaves[bit / LeafBits]) is null)
            {
                bit = (bit / LeafBits + 1) * LeafBits;
                continue;
            }

            ulong found = (GetWord(bit / WordBits) ^ flip) & Mask(bit, end);
            if (found != 0)
                return bit / WordBits * WordBits + BitOperations.TrailingZeroCount(found);
            bit = NextWord(bit);
        }

        return end;
    }

    private ulong[] Leaf(long wordIndex)
    {
        ref ulong[]? slot = ref _leaves[wordIndex / Limits.BitmapLeafWords];
        return Volatile.Read(ref slot) ?? Interlocked.CompareExchange(ref slot, new ulong[Limits.BitmapLeafWords], null) ?? slot;
    }
}
