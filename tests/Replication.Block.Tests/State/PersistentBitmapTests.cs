using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.State;

public sealed class PersistentBitmapTests
{
    private const int Granularity = 4096;
    private const long DiskBytes = (200L << 20) + 512;
    private readonly MemoryNode _file = new(PersistentBitmap.FileBytes(DiskBytes, Granularity), "marks");

    [Fact]
    public async Task Marks_come_back_after_a_restart()
    {
        Random random = DeterministicRandom.Create();
        await using PersistentBitmap bitmap = await PersistentBitmap.CreateAsync(_file, DiskBytes, Granularity);
        for (int i = 0; i < 200; i++)
        {
            long first = random.NextInt64(bitmap.Bits.LengthBits);
            long count = random.NextInt64(1, Math.Min(i % 10 == 0 ? 40_000 : 100, bitmap.Bits.LengthBits - first) + 1);
            await (random.Next(4) == 0 ? bitmap.ClearAsync(first, count) : bitmap.MarkAsync(first, count));
        }

        await AssertSameAsync(bitmap, await LoadAsync());
    }

    [Fact]
    public async Task A_mark_is_seen_only_after_its_word_is_in_the_file()
    {
        var deferred = new DeferredNode(_file, "marks");
        deferred.Immediate.Add(BlockOperation.Write);
        await using PersistentBitmap bitmap = await PersistentBitmap.CreateAsync(deferred, DiskBytes, Granularity);
        deferred.Immediate.Remove(BlockOperation.Write);
        Task first = bitmap.MarkAsync(3, 1).AsTask();
        Task sameWord = bitmap.MarkAsync(60, 1).AsTask();
        Task otherWord = bitmap.MarkAsync(64, 1).AsTask();
        Assert.Equal(2, deferred.Pending.Count);
        Assert.Equal(0, bitmap.Bits.Count);
        await deferred.Pending[1].ReleaseAsync();
        Assert.True(bitmap.Bits[64]);
        // The second update of the first word begins only now, and holds what the first has put there.
        await deferred.Pending[0].ReleaseAsync();
        await deferred.ReleaseAllAsync();
        await Task.WhenAll(first, sameWord, otherWord).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(3, bitmap.Bits.Count);
        await AssertSameAsync(bitmap, await LoadAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_that_failed_is_made_good_by_the_next_update_or_by_settling(bool settle)
    {
        var hook = new HookNode(_file);
        await using PersistentBitmap bitmap = await PersistentBitmap.CreateAsync(hook, DiskBytes, Granularity);
        await bitmap.MarkAsync(5, 1);
        hook.After = (_, range) => throw new BlockException(BlockErrorKind.Io, "marks", BlockOperation.Write, range, "told to fail");
        await BlockAssert.FailsAsync(bitmap.ClearAsync(5, 1));
        hook.After = null;
        Assert.False(bitmap.IsSettled);
        Assert.True(bitmap.Bits[5]);
        Assert.False((await LoadAsync()).Bits[5]);
        // In memory the block is marked; who relies on it says so again, and then it is true.
        await (settle ? bitmap.SettleAsync() : bitmap.MarkAsync(5, 1));
        Assert.True(bitmap.IsSettled);
        Assert.True((await LoadAsync()).Bits[5]);
    }

    [Fact]
    public async Task A_union_is_in_the_file()
    {
        await using PersistentBitmap bitmap = await PersistentBitmap.CreateAsync(_file, DiskBytes, Granularity);
        var other = new Block.Bitmaps.BlockBitmap(bitmap.Bits.LengthBits);
        other.Set(0, 1);
        other.Set(1000, 40_000);
        other.Set(other.LengthBits - 1, 1);
        await bitmap.MarkAsync(7, 1);
        await bitmap.OrAsync(other);
        Assert.Equal(40_003, bitmap.Bits.Count);
        await AssertSameAsync(bitmap, await LoadAsync());
    }

    [Fact]
    public async Task A_union_of_scattered_marks_is_one_update_for_a_page()
    {
        await using PersistentBitmap bitmap = await PersistentBitmap.CreateAsync(_file, DiskBytes, Granularity);
        var other = new Block.Bitmaps.BlockBitmap(bitmap.Bits.LengthBits);
        for (long bit = 0; bit < 32_000; bit += 200)
            other.Set(bit, 1);
        long before = _file.Counts[BlockOperation.Write];
        await bitmap.OrAsync(other);
        Assert.Equal(1, _file.Counts[BlockOperation.Write] - before);
        await AssertSameAsync(bitmap, await LoadAsync());
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task What_an_open_finds_survives_a_loss_of_power_before_anybody_relies_on_it(bool durable, int flushes)
    {
        PersistentBitmap killed = await PersistentBitmap.CreateAsync(_file, DiskBytes, Granularity);
        await killed.MarkAsync(5, 1);
        int before = (int)_file.Counts[BlockOperation.Flush];
        PersistentBitmap bitmap = await PersistentBitmap.LoadAsync(_file, DiskBytes, Granularity, durable);
        Assert.Equal(flushes, (int)_file.Counts[BlockOperation.Flush] - before);
        Assert.True(bitmap.IsMarked(5, 1));
    }

    [Fact]
    public async Task Files_of_another_disk_granularity_or_version_are_refused()
    {
        await PersistentBitmap.CreateAsync(_file, DiskBytes, Granularity);
        await Assert.ThrowsAsync<StateException>(async () => await PersistentBitmap.LoadAsync(_file, DiskBytes + 4096, Granularity));
        await Assert.ThrowsAsync<StateException>(async () => await PersistentBitmap.LoadAsync(_file, DiskBytes - 512, Granularity));
        await _file.WriteAsync(8, new byte[] { 5 });
        Assert.Contains("version 5", (await Assert.ThrowsAsync<StateException>(LoadAsync)).Message, StringComparison.Ordinal);
        await _file.WriteAsync(0, new byte[8]);
        await Assert.ThrowsAsync<StateException>(LoadAsync);
    }

    private async Task<PersistentBitmap> LoadAsync() => await PersistentBitmap.LoadAsync(_file, DiskBytes, Granularity);

    private static Task AssertSameAsync(PersistentBitmap expected, PersistentBitmap actual)
    {
        Assert.Equal(expected.Bits.Count, actual.Bits.Count);
        for (long word = 0; word < expected.Bits.LengthWords; word++)
            Assert.Equal(expected.Bits.GetWord(word), actual.Bits.GetWord(word));
        return Task.CompletedTask;
    }
}
