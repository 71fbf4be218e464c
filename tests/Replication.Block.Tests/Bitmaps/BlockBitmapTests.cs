using Replication.Block.Bitmaps;
using Replication.Testing;

namespace Replication.Block.Tests.Bitmaps;

public sealed class BlockBitmapTests
{
    private const int Bits = 100_003;

    [Fact]
    public void Random_runs_agree_with_a_plain_array()
    {
        Random random = DeterministicRandom.Create();
        var bitmap = new BlockBitmap(Bits);
        var model = new bool[Bits];
        for (int i = 0; i < 2000; i++)
        {
            int first = random.Next(Bits);
            int count = random.Next(1, Math.Min(random.Next(2) == 0 ? 70 : 5000, Bits - first) + 1);
            bool set = random.Next(3) > 0;
            if (set)
                bitmap.Set(first, count);
            else
                bitmap.Clear(first, count);
            model.AsSpan(first, count).Fill(set);
            int from = random.Next(Bits);
            int end = random.Next(from, Bits + 1);
            Assert.Equal(Find(model, from, end, true), bitmap.NextSet(from, end));
            Assert.Equal(Find(model, from, end, false), bitmap.NextClear(from, end));
        }

        Assert.Equal(model.Count(marked => marked), bitmap.Count);
        for (int bit = 0; bit < Bits; bit++)
            Assert.Equal(model[bit], bitmap[bit]);
    }

    [Fact]
    public void An_unmarked_bitmap_of_a_huge_disk_costs_next_to_nothing()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var bitmap = new BlockBitmap((1L << 40) / 4096);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        Assert.Equal(bitmap.LengthBits, bitmap.NextSet(0, bitmap.LengthBits));
        Assert.Equal(0, bitmap.NextClear(0, bitmap.LengthBits));
    }

    [Fact]
    public void A_union_holds_what_either_held()
    {
        var left = new BlockBitmap(Bits);
        var right = new BlockBitmap(Bits);
        left.Set(10, 100);
        right.Set(60, 100);
        right.Set(Bits - 1, 1);
        left.Or(right);
        Assert.Equal(151, left.Count);
        Assert.True(left.AllSet(10, 150));
        Assert.True(left[Bits - 1]);
        Assert.False(left.AnySet(160, 1000));
    }

    private static long Find(bool[] model, int from, int end, bool wanted)
    {
        int found = model.AsSpan(from, end - from).IndexOf(wanted);
        return found < 0 ? end : from + found;
    }
}
