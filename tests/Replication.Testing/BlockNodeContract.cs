using Replication.Block;
using Xunit;

namespace Replication.Testing;

/// <summary>What every block node does, whatever is behind it. An implementation's test class derives from this and says how to make one.</summary>
public abstract class BlockNodeContract
{
    private const int BlockBytes = 4096;

    /// <summary>Not a multiple of 512: the last block and the last sector are short.</summary>
    protected virtual long LengthBytes => (4 << 20) + 513;

    /// <summary>A node of that length whose content is zeroes. Each test disposes its own.</summary>
    protected abstract ValueTask<BlockNode> CreateAsync(long lengthBytes);

    /// <summary>Whether zeroing and discard are offered.</summary>
    protected virtual bool CanZero => true;

    [Fact]
    public async Task A_new_node_reads_zeroes_everywhere()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        Assert.Equal(LengthBytes, node.LengthBytes);
        await BlockAssert.FilledAsync(node, new BlockRange(0, LengthBytes), 0);
    }

    [Fact]
    public async Task What_was_written_is_read_and_nothing_else_changes()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        Random random = DeterministicRandom.Create();
        byte[] model = new byte[LengthBytes];
        for (int i = 0; i < 200; i++)
        {
            byte[] data = random.Bytes(random.Next(1, 20_000));
            int offset = random.Next(0, (int)LengthBytes - data.Length + 1);
            data.CopyTo(model, offset);
            await node.WriteAsync(offset, data, i % 50 == 0 ? WriteFlags.Fua : WriteFlags.None);
        }

        BlockAssert.Equal(model, await node.ReadAllAsync());
    }

    [Fact]
    public async Task A_large_request_is_one_request()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        byte[] data = DeterministicRandom.Create().Bytes((int)LengthBytes);
        await node.WriteAsync(0, data);
        await BlockAssert.ContentAsync(node, 0, data);
    }

    [Fact]
    public async Task The_last_byte_of_a_short_last_block_can_be_written()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.WriteAsync(LengthBytes - 1, new byte[] { 0x7e });
        await BlockAssert.ContentAsync(node, LengthBytes - 2, new byte[] { 0, 0x7e });
    }

    [Fact]
    public async Task The_callers_buffer_is_free_after_completion()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        byte[] data = Filled(BlockBytes, 0x41);
        await node.WriteAsync(100, data);
        Array.Fill(data, Poison.Value);
        await BlockAssert.FilledAsync(node, new BlockRange(100, BlockBytes), 0x41);
    }

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(511, 2)]
    [InlineData(4095, 8194)]
    [InlineData(1 << 20, 3 << 20)]
    [InlineData((4 << 20) + 1, 512)]
    public async Task Zeroed_ranges_read_as_zeroes_and_nothing_else_changes(int offsetBytes, int lengthBytes)
    {
        Assert.SkipUnless(CanZero, "the node does not zero");
        foreach (WriteFlags flags in new[] { WriteFlags.None, WriteFlags.NoUnmap, WriteFlags.Fua })
        {
            await using BlockNode node = await CreateAsync(LengthBytes);
            await node.FillAsync(new BlockRange(0, LengthBytes), 0x5a);
            await node.WriteZeroesAsync(new BlockRange(offsetBytes, lengthBytes), flags);
            await AssertZeroedWithin(node, offsetBytes, lengthBytes);
        }
    }

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(511, 70_000)]
    [InlineData(0, (4 << 20) + 513)]
    public async Task Discarded_ranges_read_as_zeroes_and_nothing_else_changes(int offsetBytes, int lengthBytes)
    {
        Assert.SkipUnless(CanZero, "the node does not discard");
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, LengthBytes), 0x5a);
        await node.DiscardAsync(new BlockRange(offsetBytes, lengthBytes));
        await AssertZeroedWithin(node, offsetBytes, lengthBytes);
    }

    [Fact]
    public async Task A_zeroed_range_can_be_written_again()
    {
        Assert.SkipUnless(CanZero, "the node does not zero");
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, 16384), 0x11);
        await node.DiscardAsync(new BlockRange(0, 16384));
        await node.WriteAsync(5000, Filled(100, 0x22));
        await BlockAssert.FilledAsync(node, new BlockRange(0, 5000), 0);
        await BlockAssert.FilledAsync(node, new BlockRange(5000, 100), 0x22);
        await BlockAssert.FilledAsync(node, new BlockRange(5100, 16384 - 5100), 0);
    }

    [Fact]
    public async Task Flush_completes_and_keeps_the_content()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, 8192), 0x33);
        await node.FlushAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => node.FlushAsync().AsTask())).WaitAsync(TestTimeouts.Patience);
        await BlockAssert.FilledAsync(node, new BlockRange(0, 8192), 0x33);
    }

    [Fact]
    public async Task Empty_requests_complete_and_change_nothing()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, 4096), 0x44);
        await node.ReadAsync(LengthBytes, Memory<byte>.Empty);
        await node.WriteAsync(0, ReadOnlyMemory<byte>.Empty);
        if (CanZero)
        {
            await node.WriteZeroesAsync(new BlockRange(0, 0));
            await node.DiscardAsync(new BlockRange(LengthBytes, 0));
        }

        await BlockAssert.FilledAsync(node, new BlockRange(0, 4096), 0x44);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(long.MaxValue, 0)]
    [InlineData(-1, 0)]
    public async Task Requests_outside_the_disk_fail_inside_their_task_and_change_nothing(long beyondBytes, int extraBytes)
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(0, LengthBytes), 0x55);
        long offset = beyondBytes is < 0 or long.MaxValue ? beyondBytes : LengthBytes - 4096 + beyondBytes;
        byte[] data = new byte[4096 + extraBytes];
        await BlockAssert.FailsAsync(BlockErrorKind.OutOfRange, node.ReadAsync(offset, data));
        await BlockAssert.FailsAsync(BlockErrorKind.OutOfRange, node.WriteAsync(offset, data));
        BlockException status = await Assert.ThrowsAsync<BlockException>(async () => await node.StatusAsync(new BlockRange(offset, data.Length)));
        Assert.Equal(BlockErrorKind.OutOfRange, status.Kind);
        if (CanZero)
        {
            await BlockAssert.FailsAsync(BlockErrorKind.OutOfRange, node.WriteZeroesAsync(new BlockRange(offset, data.Length)));
            await BlockAssert.FailsAsync(BlockErrorKind.OutOfRange, node.DiscardAsync(new BlockRange(offset, data.Length)));
        }

        await BlockAssert.FilledAsync(node, new BlockRange(0, LengthBytes), 0x55);
    }

    [Fact]
    public async Task Extents_cover_the_disk_and_what_they_call_zero_is_zero()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        await node.FillAsync(new BlockRange(1 << 20, 1 << 20), 0x66);
        await node.FillAsync(new BlockRange(LengthBytes - 1, 1), 0x66);
        byte[] content = await node.ReadAllAsync();
        for (long offset = 0; offset < LengthBytes;)
        {
            Extent extent = await node.StatusAsync(BlockRange.FromBounds(offset, LengthBytes));
            Assert.InRange(extent.LengthBytes, 1, LengthBytes - offset);
            if (extent.Flags.HasFlag(ExtentFlags.Zero))
                Assert.Equal(-1, content.AsSpan((int)offset, (int)extent.LengthBytes).IndexOfAnyExcept((byte)0));
            offset += extent.LengthBytes;
        }
    }

    [Fact]
    public async Task An_extent_is_no_longer_than_the_range_that_was_asked_for()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        Assert.InRange((await node.StatusAsync(new BlockRange(777, 3))).LengthBytes, 1, 3);
    }

    [Fact]
    public async Task Requests_in_flight_that_do_not_overlap_all_land()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        byte[] model = DeterministicRandom.Create().Bytes((int)LengthBytes);
        var tasks = new List<Task>();
        for (int offset = 0; offset < model.Length; offset += 3000)
            tasks.Add(node.WriteAsync(offset, model.AsMemory(offset, Math.Min(3000, model.Length - offset))).AsTask());
        await Task.WhenAll(tasks).WaitAsync(TestTimeouts.Patience);
        BlockAssert.Equal(model, await node.ReadAllAsync());
    }

    [Fact]
    public async Task Threads_that_write_side_by_side_do_not_disturb_each_other()
    {
        await using BlockNode node = await CreateAsync(LengthBytes);
        const int Threads = 4;
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(async () =>
        {
            for (long offset = thread * 1000; offset < LengthBytes; offset += Threads * 1000)
                await node.WriteAsync(offset, Filled((int)Math.Min(1000, LengthBytes - offset), (byte)(thread + 1)));
        }))).WaitAsync(TestTimeouts.Patience);
        for (long offset = 0, i = 0; offset < LengthBytes; offset += 1000, i++)
            await BlockAssert.FilledAsync(node, new BlockRange(offset, Math.Min(1000, LengthBytes - offset)), (byte)((i % Threads) + 1));
    }

    protected static byte[] Filled(int lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        return data;
    }

    private async Task AssertZeroedWithin(BlockNode node, int offsetBytes, int lengthBytes)
    {
        await BlockAssert.FilledAsync(node, new BlockRange(0, offsetBytes), 0x5a);
        await BlockAssert.FilledAsync(node, new BlockRange(offsetBytes, lengthBytes), 0);
        await BlockAssert.FilledAsync(node, BlockRange.FromBounds(offsetBytes + lengthBytes, LengthBytes), 0x5a);
    }
}
