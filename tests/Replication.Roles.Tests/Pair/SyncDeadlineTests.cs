using Replication.Block.State;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A secondary whose disk no longer answers what a sync asks, and one that is out of reach altogether.</summary>
public sealed class SyncDeadlineTests
{
    [Fact]
    public async Task A_question_for_zeroes_that_is_not_answered_ends_the_start_and_undoes_it()
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        pair.SecondaryFaults.Add("node=disk0 op=status break=held");
        Task<StartResult> start = pair.StartAsync();
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        time.Advance(Limits.StatusQuestionDeadline - TimeSpan.FromSeconds(1));
        Assert.False(start.IsCompleted);
        // What takes the start back has deadlines, too.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return start.IsCompleted;
        });
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => start);
        Assert.Equal(VerbFailure.Failed, failure.Failure);
        Assert.Contains("disk 'disk0'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        pair.SecondaryFaults.Breakpoint("held").Release();
    }

    [Theory]
    [InlineData("status", false)]
    [InlineData("status", true)]
    [InlineData("flush", false)]
    [InlineData("flush", true)]
    public async Task A_start_beside_a_secondary_that_is_out_of_reach_fails_within_seconds_and_is_undone(string operation, bool hangs)
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        pair.SecondaryFaults.Add($"node=disk0 op={operation} break=held");
        Task<StartResult> start = pair.StartAsync();
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await PassSecondsAsync(pair, time, hangs);
        // What takes the start back has deadlines, too.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return start.IsCompleted;
        });
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => start);
        Assert.Contains("see whether it runs and the link to it is up", failure.Message, StringComparison.Ordinal);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_stop_beside_a_secondary_that_is_out_of_reach_fails_within_seconds_and_leaves_a_detached_primary()
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync(SyncMode.Full);
        pair.SecondaryFaults.Add("node=disk0 op=flush break=held");
        Task<ulong> stop = pair.Primary.StopAsync(default);
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await PassSecondsAsync(pair, time, hangs: true);
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => stop.WaitAsync(TestTimeouts.Patience));
        Assert.Contains("the link to it is up", failure.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
    }

    /// <summary>The secondary is out of reach for as long as it takes to give it up, and not a second longer: until the loss of the mirror is listed.</summary>
    private static async Task PassSecondsAsync(TestPair pair, FakeTimeProvider time, bool hangs)
    {
        if (hangs)
            pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
        else
            pair.ToSecondary.IsCut = true;
        try
        {
            time.Advance(MirrorLimits.UnheardFor + TimeSpan.FromMilliseconds(200));
            if (hangs)
            {
                await PassUntilAsync(time, () => pair.ToSecondary.Hanging > 0);
                time.Advance(Limits.PositionQuestionDeadline);
            }

            await PassUntilAsync(time, () => pair.PrimaryJournal.Failures.Count > 0);
        }
        finally
        {
            pair.SecondaryFaults.Breakpoint("held").Release();
        }
    }

    // The held request is at the disk before its session counts it, so time goes on a little more where it was counted late.
    private static Task PassUntilAsync(FakeTimeProvider time, Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        if (condition())
            return true;
        time.Advance(TimeSpan.FromMilliseconds(20));
        return false;
    });
}
