using Replication.Block;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>Verify passes over what both sides say reads as zeroes, and over nothing else.</summary>
public sealed class VerifyHolesTests
{
    private const long Mebibyte = 1 << 20;
    private const long DiskBytes = (20 * Mebibyte) + 512;

    [Fact]
    public async Task A_hole_on_both_sides_is_read_on_neither()
    {
        await using TestPair pair = await EmptyPairAsync();
        Counts before = Counts.Of(pair);
        Assert.Equal(0, await VerifyAsync(pair));
        Assert.Equal(before with { Questions = before.Questions + 1 }, Counts.Of(pair));
    }

    [Theory]
    [InlineData(0)]
    [InlineData((5 * Mebibyte) + 4097)]
    [InlineData(DiskBytes - 1)]
    public async Task A_byte_in_the_hole_of_either_side_is_a_difference(long offsetBytes)
    {
        await using TestPair pair = await EmptyPairAsync();
        long blockBytes = Math.Min(4096, DiskBytes - (offsetBytes / 4096 * 4096));
        await pair.SecondaryDisks[0].WriteAsync(offsetBytes, new byte[] { 0x99 });
        Assert.Equal(blockBytes, await VerifyAsync(pair));
        await pair.SecondaryDisks[0].WriteZeroesAsync(new BlockRange(offsetBytes, 1));
        Assert.Equal(0, await VerifyAsync(pair));
        await pair.PrimaryDisks[0].WriteAsync(offsetBytes, new byte[] { 0x99 });
        Assert.Equal(blockBytes, await VerifyAsync(pair));
    }

    [Theory]
    [InlineData("before")]
    [InlineData("after")]
    public async Task What_a_guest_writes_into_a_hole_before_or_after_the_secondarys_answer_is_no_difference(string when)
    {
        await using TestPair pair = await EmptyPairAsync();
        pair.SecondaryFaults.Add($"node=disk0 op=status nth=1 when={when} break=asked");
        Task<long> verify = VerifyAsync(pair);
        await pair.SecondaryFaults.Breakpoint("asked").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest().WriteAsync(7 * Mebibyte, Poison());
        pair.SecondaryFaults.Breakpoint("asked").Release();
        Assert.Equal(0, await verify.WaitAsync(TestTimeouts.Patience));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task What_a_guest_trims_between_the_two_questions_hides_no_difference_beside_it()
    {
        await using TestPair pair = await EmptyPairAsync();
        await pair.SecondaryDisks[0].WriteAsync((7 * Mebibyte) + 4096, Poison());
        pair.SecondaryFaults.Add("node=disk0 op=status nth=1 break=asked");
        Task<long> verify = VerifyAsync(pair);
        await pair.SecondaryFaults.Breakpoint("asked").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest().WriteAsync(7 * Mebibyte, Poison());
        await pair.Guest().DiscardAsync(new BlockRange(7 * Mebibyte, 4096));
        pair.SecondaryFaults.Breakpoint("asked").Release();
        Assert.Equal(4096, await verify.WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_sparse_disk_that_a_guest_writes_to_and_trims_is_found_equal()
    {
        await using TestPair pair = await EmptyPairAsync();
        using var ending = new CancellationTokenSource();
        Random random = DeterministicRandom.Create();
        Task guest = WriteAndTrimAsync(pair.Guest(), new Random(random.Next()), ending.Token);
        for (int i = 0; i < 10; i++)
            Assert.Equal(0, await VerifyAsync(pair));
        await ending.CancelAsync();
        await guest.WaitAsync(TestTimeouts.Patience);
        Assert.Empty(pair.PrimaryJournal.Failures);
    }

    [Fact]
    public async Task A_disk_in_shreds_costs_one_question_a_step()
    {
        await using TestPair pair = await EmptyPairAsync();
        for (long offset = 0; offset < 4 * Mebibyte; offset += 8192)
            await pair.SecondaryDisks[0].WriteAsync(offset, new byte[4096]);
        Counts before = Counts.Of(pair);
        Assert.Equal(0, await VerifyAsync(pair));
        // Four steps that are compared, and the hole behind them.
        Assert.Equal(5, Counts.Of(pair).Questions - before.Questions);
        Assert.Equal(4 * Mebibyte / Limits.DigestPieceBytes, Counts.Of(pair).SecondaryReads - before.SecondaryReads);
    }

    private static async Task<TestPair> EmptyPairAsync()
    {
        var pair = new TestPair(diskBytes: DiskBytes, fill: 0);
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }

    private static async Task<long> VerifyAsync(TestPair pair) => (await pair.Primary.VerifyAsync(repair: false, default)).DifferingBytes;

    // What is trimmed is shorter than a step, longer, or so long that it follows in the background.
    private static async Task WriteAndTrimAsync(BlockNode guest, Random random, CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            await guest.WriteAsync(random.NextInt64(DiskBytes - 4096), Poison());
            long trimmedBytes = random.Next(8) switch { 0 => 9 * Mebibyte, < 3 => 2 * Mebibyte, _ => random.Next(1, 10_000) };
            if (random.Next(4) == 0)
                await guest.DiscardAsync(new BlockRange(random.NextInt64(DiskBytes - trimmedBytes), trimmedBytes));
            await Task.Yield();
        }
    }

    private static byte[] Poison()
    {
        byte[] data = new byte[4096];
        Array.Fill(data, (byte)0x5a);
        return data;
    }

    private sealed record Counts(int PrimaryReads, int SecondaryReads, int Questions)
    {
        public static Counts Of(TestPair pair) => new(
            pair.PrimaryDisks[0].Counts[BlockOperation.Read],
            pair.SecondaryDisks[0].Counts[BlockOperation.Read],
            pair.SecondaryDisks[0].Counts[BlockOperation.Status]);
    }
}
