using Replication.Block;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class RestartTests
{
    [Fact]
    public async Task A_primary_that_never_had_a_peer_serves_at_once()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[512]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_ends_although_a_job_of_it_never_would(bool isPrimary)
    {
        TestPair pair = await TestPair.StartedAsync();
        GroupNode node = isPrimary ? pair.Primary : pair.Secondary!;
        JobTransaction jobs = node.Jobs.Engine.CreateTransaction();
        node.Jobs.Engine.Create(jobs, new JobOptions { Id = "rests", Type = JobType.Backup }, new RestingWork());
        node.Jobs.Engine.Begin(jobs);
        await pair.DisposeAsync().AsTask().WaitAsync(TestTimeouts.Patience);
        Assert.True(jobs.Ended.IsCompletedSuccessfully);
    }

    private sealed class RestingWork : JobWork
    {
        public override Task RunAsync(JobContext context) => context.RestAsync();
    }

    [Fact]
    public async Task A_restarted_primary_serves_once_its_peer_has_confirmed_its_generation()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        Assert.False(write.IsCompleted);
        pair.ToSecondary.IsCut = false;
        await write.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_restarted_primary_whose_peer_was_promoted_is_fenced_and_acknowledges_nothing()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        await pair.Secondary!.FailoverAsync(false, default);
        pair.ToSecondary.IsCut = false;
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_waiting_primary_that_is_fenced_by_the_promotion_itself_holds_no_reads()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Task read = pair.Guest().ReadAsync(0, new byte[512]).AsTask();
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        Assert.False(read.IsCompleted);
        Assert.True((await pair.Secondary!.FailoverAsync(true, default)).PrimaryFenced);
        await read.WaitAsync(TestTimeouts.Patience);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_waiting_primary_goes_on_alone_when_the_operator_says_so()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        await pair.Primary.FailoverAsync(false, default);
        await write.WaitAsync(TestTimeouts.Patience);
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task Failover_beside_a_waiting_primary_that_was_detached_is_refused()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Transport.Cut("the link is cut");
        await pair.Guest().WriteAsync(0, new byte[512]);
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(force: false, default));
        Assert.Contains("detached", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restarted_secondary_shows_its_view_is_incomplete_and_can_be_joined_again()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await pair.View().WriteAsync(65536, new byte[4096]);
        await pair.RestartSecondaryAsync();
        NodeStatus status = pair.Secondary!.GetStatus();
        Assert.Equal(NodeStage.Running, status.Stage);
        Assert.Equal(1UL, status.Epoch);
        Assert.True(status.Incomplete);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 4096), 0x11);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(65536, 4096), 0);
        pair.Transport.Cut("the secondary has restarted");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.False(pair.Secondary.GetStatus().Incomplete);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_commit_that_was_cut_short_goes_on_after_a_restart()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.View().WriteAsync(65536, new byte[4096]);
        var rule = pair.SecondaryFaults.Add("node=disk0.commit error=EIO");
        await pair.Secondary!.FailoverAsync(false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.FailoverFailed);
        pair.SecondaryFaults.Remove(rule);
        await pair.RestartSecondaryAsync();
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(65536, 4096), 0);
        await pair.Secondary.FailoverAsync(false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], new BlockRange(65536, 4096), 0);
    }
}
