using Replication.Block.Faults;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>With <c>Mirror:Resync</c> <c>auto</c> a detached pair comes back by itself.</summary>
public sealed class ReconnectTests
{
    [Fact]
    public async Task A_pair_whose_link_was_cut_comes_back_and_one_outage_is_one_event()
    {
        await using TestPair pair = await StartedAsync();
        pair.Transport.Cut("the link is cut");
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await IsBackAsync(pair, attached: 2);
        await pair.DisksAreEqualAsync();
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.MirrorDetached));
        Assert.Equal(1UL, pair.Primary.GetStatus().Epoch);
        Assert.Equal(2UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task A_secondary_that_was_restarted_is_found_again()
    {
        await using TestPair pair = await StartedAsync();
        await pair.View().WriteAsync(65536, new byte[4096]);
        await pair.RestartSecondaryAsync();
        pair.Transport.Cut("the secondary has restarted");
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await IsBackAsync(pair, attached: 2);
        await pair.DisksAreEqualAsync();
        await BlockAssert.FilledAsync(pair.View(), new Block.BlockRange(65536, 4096), 0);
    }

    [Fact]
    public async Task A_primary_that_was_restarted_comes_back_once_its_peer_has_confirmed_it()
    {
        await using TestPair pair = await StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
        pair.ToSecondary.IsCut = false;
        await IsBackAsync(pair, attached: 2);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task With_the_policy_manual_it_stays_detached()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        int asked = 0;
        pair.Transport.Cut("the link is cut");
        for (int i = 0; i < 3; i++)
        {
            pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.GetPositionAsync), () => Interlocked.Increment(ref asked));
            await Eventually.TrueAsync(() => Volatile.Read(ref asked) > i);
        }

        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_needs_an_operator_is_told_once_and_not_tried_again_before_the_peer_has_changed(bool isSeenAway)
    {
        await using TestPair pair = await StartedAsync();
        FaultRule full = pair.SecondaryFaults.Add("node=disk0.hidden op=write error=ENOSPC");
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await Eventually.TrueAsync(() => pair.PrimaryJournal.Of(EventTypes.Error).Count == 1);
        Assert.Contains("--abandon-view", (string)pair.PrimaryJournal.Of(EventTypes.Error)[0]["message"], StringComparison.Ordinal);
        int attempts = pair.PrimaryJournal.Of(EventTypes.ResyncStarted).Count;
        int asked = 0;
        for (int i = 0; i < 3; i++)
        {
            pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.GetPositionAsync), () => Interlocked.Increment(ref asked));
            await Eventually.TrueAsync(() => Volatile.Read(ref asked) > i);
        }

        Assert.Equal(attempts, pair.PrimaryJournal.Of(EventTypes.ResyncStarted).Count);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.Error));
        pair.SecondaryFaults.Remove(full);
        // Away and back, or restarted at the same place between two questions: then it may have changed.
        if (isSeenAway)
        {
            pair.ToSecondary.Target = null;
            await Eventually.TrueAsync(() => pair.ToSecondary.Refused > 0);
            pair.ToSecondary.Target = pair.Secondary;
        }
        else
        {
            pair.ToSecondary.Position = await pair.Secondary!.GetPositionAsync("vm1", default) with { Incarnation = Guid.NewGuid() };
        }

        await IsBackAsync(pair, attached: 2);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_start_that_comes_after_the_pair_has_come_back_takes_its_checkpoint_and_a_second_one_is_refused()
    {
        await using TestPair pair = await StartedAsync();
        pair.Transport.Cut("the link is cut");
        await IsBackAsync(pair, attached: 2);
        Assert.Equal(2UL, (await pair.StartAsync()).Epoch);
        Assert.Equal(2UL, pair.Secondary!.GetStatus().Epoch);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync())).Failure);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_start_that_is_cancelled_when_the_pair_has_come_back_fails_as_a_verb_does(bool leaseRunsOutFirst)
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Resync = ResyncPolicy.Auto, Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() =>
        {
            if (pair.PrimaryJournal.Of(EventTypes.ResyncStarted).Count < 2)
                time.Advance(Limits.PositionQuestionInterval);
            return pair.Primary.GetStatus().Stage == NodeStage.Replicating;
        });
        pair.ToSecondary.HangAt = nameof(IReplicationPeer.CommitCheckpointAsync);
        using var caller = new CancellationTokenSource();
        Task<StartResult> start = pair.Primary.StartAsync(NodeRole.Primary, SyncMode.Auto, abandonView: false, caller.Token);
        await Eventually.TrueAsync(() => pair.ToSecondary.Hanging == 1);
        pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
        if (leaseRunsOutFirst)
        {
            // Which epoch is in force nobody can say now, and the question would have to be asked once more.
            time.Advance(TimeSpan.FromSeconds(2));
            await Eventually.TrueAsync(() => pair.ToSecondary.Hanging == 2);
        }

        caller.Cancel();
        await Eventually.TrueAsync(() => start.IsCompleted || pair.ToSecondary.Hanging == 2);
        time.Advance(TimeSpan.FromSeconds(2));
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => start.WaitAsync(TestTimeouts.Patience));
        Assert.Contains("start was cancelled", failure.Message, StringComparison.Ordinal);
        pair.ToSecondary.HangAt = null;
        await pair.Guest().WriteAsync(0, new byte[4096]);
        Assert.Equal(2UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task A_start_beside_a_resync_waits_for_it()
    {
        await using TestPair pair = await StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=mid");
        pair.Transport.Cut("the link is cut");
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Assert.Equal(NodeStage.Resyncing, pair.Primary.GetStatus().Stage);
        Task<StartResult> start = pair.StartAsync();
        Assert.False(start.IsCompleted);
        pair.SecondaryFaults.Breakpoint("mid").Release();
        Assert.Equal(2UL, (await start.WaitAsync(TestTimeouts.Patience)).Epoch);
    }

    [Fact]
    public async Task After_stop_and_after_failover_of_the_primary_it_stays_alone()
    {
        await using TestPair pair = await StartedAsync();
        await pair.Primary.StopAsync(default);
        Assert.Equal(NodeStage.Stopped, pair.Primary.GetStatus().Stage);
        await pair.StartAsync();
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=mid");
        pair.Transport.Cut("the link is cut");
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        // A resync that is under way does not keep the operator's word waiting.
        await pair.Primary.FailoverAsync(force: false, default).WaitAsync(TestTimeouts.Patience);
        pair.SecondaryFaults.Breakpoint("mid").Release();
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[4096]);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_failover_of_the_primary_does_not_wait_for_a_start_that_was_asked_for_before_it()
    {
        await using TestPair pair = await StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=mid");
        pair.Transport.Cut("the link is cut");
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task<StartResult> start = pair.StartAsync();
        Task<FailoverResult> failover = pair.Primary.FailoverAsync(force: false, default);
        pair.SecondaryFaults.Breakpoint("mid").Release();
        await failover.WaitAsync(TestTimeouts.Patience);
        await Assert.ThrowsAsync<VerbException>(() => start);
        Assert.Equal(2, pair.PrimaryJournal.Of(EventTypes.ResyncStarted).Count);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_node_that_ends_does_not_wait_for_its_resync()
    {
        TestPair pair = await StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=mid");
        pair.Transport.Cut("the link is cut");
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task ended = pair.Primary.DisposeAsync().AsTask();
        pair.SecondaryFaults.Breakpoint("mid").Release();
        await ended.WaitAsync(TestTimeouts.Patience);
        await pair.Secondary!.DisposeAsync();
    }

    [Fact]
    public async Task A_peer_that_was_promoted_meanwhile_fences_and_is_not_resynced()
    {
        await using TestPair pair = await StartedAsync();
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = true;
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Secondary!.FailoverAsync(force: false, default);
        pair.ToSecondary.IsCut = false;
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.ResyncStarted));
    }

    private static async Task<TestPair> StartedAsync()
    {
        var pair = new TestPair { Resync = ResyncPolicy.Auto };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }

    private static async Task IsBackAsync(TestPair pair, int attached)
    {
        await Eventually.TrueAsync(
            () => pair.PrimaryJournal.Of(EventTypes.MirrorAttached).Count == attached && pair.Primary.GetStatus().Stage == NodeStage.Replicating);
        Assert.False(pair.Secondary!.GetStatus().Incomplete);
    }
}
