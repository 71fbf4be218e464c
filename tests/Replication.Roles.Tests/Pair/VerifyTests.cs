using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class VerifyTests
{
    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task Disks_that_a_guest_keeps_writing_to_are_found_equal(Acknowledge acknowledge)
    {
        await using TestPair pair = await TestPair.StartedAsync(acknowledge: acknowledge);
        using var ending = new CancellationTokenSource();
        Random random = DeterministicRandom.Create();
        Task[] guests = [.. Enumerable.Range(0, 3).Select(i => WriteAsync(pair.Guest(), new Random(random.Next()), ending.Token))];
        for (int i = 0; i < 8; i++)
        {
            VerifyResult result = await pair.Primary.VerifyAsync(repair: false, default);
            Assert.Equal((0L, 0L), (result.DifferingBytes, result.RepairedBytes));
        }

        await ending.CancelAsync();
        await Task.WhenAll(guests).WaitAsync(TestTimeouts.Patience);
        Assert.Empty(pair.PrimaryJournal.Failures);
    }

    [Fact]
    public async Task A_difference_is_found_named_and_repaired()
    {
        await using TestPair pair = await TestPair.StartedAsync(disks: 2);
        long last = pair.SecondaryDisks[1].LengthBytes - 1;
        await pair.SecondaryDisks[1].WriteAsync(70_000, new byte[] { 0x99 });
        await pair.SecondaryDisks[1].WriteAsync(last, new byte[] { 0x99 });
        VerifyResult found = await pair.Primary.VerifyAsync(repair: false, default);
        Assert.Equal((4096 + 512L, 0L), (found.DifferingBytes, found.RepairedBytes));
        FailureReport failure = Assert.Single(pair.PrimaryJournal.Failures);
        Assert.True(failure.IsDifference);
        Assert.Null(failure.Settled);
        Assert.Equal([("disk0", "found equal by a later verify")], pair.PrimaryJournal.Settlements);
        Assert.Equal((FailureCase.SecondaryDisk, "disk1", 69_632L, 4096L), (failure.Case, failure.Disk, failure.OffsetBytes, failure.LengthBytes));
        Assert.Contains("69632+4096, 1048576+512", failure.Message, StringComparison.Ordinal);

        VerifyResult repaired = await pair.Primary.VerifyAsync(repair: true, default);
        Assert.Equal((4608L, 4608L), (repaired.DifferingBytes, repaired.RepairedBytes));
        await pair.DisksAreEqualAsync();
        Assert.Equal("all repaired", pair.PrimaryJournal.Failures[1].Settled);
        Assert.Equal(("disk1", "repaired by a later verify"), pair.PrimaryJournal.Settlements[^1]);
        Assert.Equal(0, (await pair.Primary.VerifyAsync(repair: false, default)).DifferingBytes);
        Assert.Equal(("disk1", "found equal by a later verify"), pair.PrimaryJournal.Settlements[^1]);
        // What is repaired goes through copy-before-write: the view is still what the disk had, and right again with the next checkpoint, as the advice says.
        Assert.Equal(0x99, await ViewedAsync());
        Assert.Equal(2UL, await pair.CheckpointAsync());
        Assert.NotEqual(0x99, await ViewedAsync());

        async Task<int> ViewedAsync()
        {
            byte[] one = [0xee];
            await pair.View(1).ReadAsync(70_000, one);
            return one[0];
        }
    }

    [Fact]
    public async Task What_was_found_before_a_verify_was_ended_is_reported_and_settles_nothing()
    {
        await using var pair = new TestPair(diskBytes: 17 << 20);
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        await pair.SecondaryDisks[0].WriteAsync(70_000, new byte[] { 0x99 });
        // What is digested first holds the difference; the verify is ended in what comes behind.
        pair.SecondaryFaults.Add("node=disk0 op=read offset=16MiB nth=1 break=slow");
        using var ending = new CancellationTokenSource();
        Task<VerifyResult> verify = pair.Primary.VerifyAsync(repair: true, ending.Token);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await ending.CancelAsync();
        pair.SecondaryFaults.Breakpoint("slow").Release();
        await Assert.ThrowsAnyAsync<Exception>(() => verify.WaitAsync(TestTimeouts.Patience));
        FailureReport failure = Assert.Single(pair.PrimaryJournal.Failures);
        Assert.Null(failure.Settled);
        Assert.Contains("before it was ended", failure.Message, StringComparison.Ordinal);
        Assert.Contains("4096 bytes (4096 of them repaired), first at 69632+4096", failure.Message, StringComparison.Ordinal);
        Assert.Empty(pair.PrimaryJournal.Settlements);
    }

    [Fact]
    public async Task A_write_that_is_on_its_way_is_no_difference()
    {
        await using TestPair pair = await TestPair.StartedAsync(acknowledge: Acknowledge.Local);
        pair.SecondaryFaults.Add("node=disk0 op=write nth=1 break=slow");
        await pair.Guest().WriteAsync(8192, Poison());
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task<VerifyResult> verify = pair.Primary.VerifyAsync(repair: false, default);
        pair.SecondaryFaults.Breakpoint("slow").Release();
        Assert.Equal(0, (await verify.WaitAsync(TestTimeouts.Patience)).DifferingBytes);
    }

    [Fact]
    public async Task Checkpoints_are_taken_meanwhile()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.SecondaryDisks[0].WriteAsync(0, new byte[] { 0x99 });
        pair.SecondaryFaults.Add("node=disk0 op=read nth=1 break=slow");
        Task<VerifyResult> verify = pair.Primary.VerifyAsync(repair: false, default);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Assert.Equal(2UL, await pair.CheckpointAsync());
        pair.SecondaryFaults.Breakpoint("slow").Release();
        Assert.Equal(4096, (await verify.WaitAsync(TestTimeouts.Patience)).DifferingBytes);
    }

    [Fact]
    public async Task A_lost_mirror_ends_it()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=read nth=1 break=slow");
        Task<VerifyResult> verify = pair.Primary.VerifyAsync(repair: false, default);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        pair.Transport.Cut("the link is cut");
        pair.SecondaryFaults.Breakpoint("slow").Release();
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        VerbException? ended = await Record.ExceptionAsync(() => verify.WaitAsync(TestTimeouts.Patience)) as VerbException;
        // It may have seen everything before the link was cut.
        Assert.True(ended is null or { Failure: VerbFailure.Failed or VerbFailure.Refused }, ended?.Message);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Primary.VerifyAsync(repair: false, default))).Failure);
    }

    [Fact]
    public async Task A_secondary_that_is_too_slow_at_the_barrier_ends_the_verify_and_not_the_write()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.SecondaryDisks[0].WriteAsync(0, new byte[] { 0x99 });
        // 17 pieces are read without a lock, the next read is the barrier's.
        pair.SecondaryFaults.Add("node=disk0 op=read nth=18 break=slow");
        Task<VerifyResult> verify = pair.Primary.VerifyAsync(repair: false, default);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task write = pair.Guest().WriteAsync(4096, Poison()).AsTask();
        Assert.False(write.IsCompleted);
        Assert.Equal(VerbFailure.Failed, (await Assert.ThrowsAsync<VerbException>(() => verify.WaitAsync(TestTimeouts.Patience))).Failure);
        await write.WaitAsync(TestTimeouts.Patience);
        pair.SecondaryFaults.Breakpoint("slow").Release();
    }

    private static byte[] Poison()
    {
        byte[] data = new byte[4096];
        Array.Fill(data, (byte)0x5a);
        return data;
    }

    private static async Task WriteAsync(BlockNode guest, Random random, CancellationToken ending)
    {
        byte[] data = new byte[20_000];
        while (!ending.IsCancellationRequested)
        {
            random.NextBytes(data);
            int lengthBytes = random.Next(1, data.Length);
            await guest.WriteAsync(random.NextInt64(guest.LengthBytes - lengthBytes), data.AsMemory(0, lengthBytes));
            await Task.Yield();
        }
    }
}
