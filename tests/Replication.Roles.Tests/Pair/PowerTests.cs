using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>What <c>Durability: power</c> and a loss of power mean for two roles face to face. Invariants Atomic, Whole, No lost dirt, Fence.</summary>
public sealed class PowerTests
{
    private const int Block = TestPair.BlockBytes;

    [Fact]
    public async Task A_checkpoint_has_the_secondary_flushed_before_it_holds_the_guest()
    {
        await using TestPair pair = await StartedAsync();
        await pair.Guest().FillAsync(new BlockRange(0, Block), 0x22);
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 count=1 break=slow");
        Task<BegunCheckpoint> begin = pair.Primary.BeginCheckpointAsync(0, null, default);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest().FillAsync(new BlockRange(Block, Block), 0x33).WaitAsync(TestTimeouts.Patience);
        Assert.False(begin.IsCompleted);
        pair.SecondaryFaults.Breakpoint("slow").Release();
        BegunCheckpoint begun = await begin.WaitAsync(TestTimeouts.Patience);
        await pair.Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, Block), 0x22);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(Block, Block), 0x33);
    }

    [Fact]
    public async Task A_flush_that_fails_a_checkpoint_ends_the_session_and_what_it_may_have_lost_is_copied_again()
    {
        await using TestPair pair = await StartedAsync();
        await pair.Guest().FillAsync(new BlockRange(0, Block), 0x22);
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 count=1 error=EIO");
        VerbException failed = await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.CheckpointAsync(default));
        Assert.Equal(VerbFailure.Failed, failed.Failure);
        Assert.Contains(pair.SecondaryJournal.Failures, failure => failure is { Case: FailureCase.SecondaryDisk, Errno: Errno.EIO });
        Assert.Equal((1UL, true), (pair.Secondary!.GetStatus().Epoch, pair.Secondary.GetStatus().Incomplete));
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, Block), 0x11);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);

        // What the kernel dropped, the disk does not have.
        await pair.SecondaryDisks[0].FillAsync(new BlockRange(0, Block), 0x11);
        Assert.Equal(Block, (await pair.Primary.ResyncAsync(abandonView: false, default)).SyncedBytes);
        await pair.DisksAreEqualAsync();
        Assert.Equal(2UL, await pair.CheckpointAsync());
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, Block), 0x22);
    }

    [Fact]
    public async Task A_failed_flush_of_the_primary_disk_leaves_the_mirror_and_the_next_sync_trusts_no_mark()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(new BlockRange(0, Block), 0x22);
        pair.PrimaryFaults.Add("node=disk0 op=flush nth=1 count=1 error=EIO");
        BlockException failed = await Assert.ThrowsAsync<BlockException>(() => pair.Guest().FlushAsync().AsTask());
        Assert.Equal(Errno.EIO, failed.Errno);
        Assert.Equal(FailureCase.PrimaryDisk, Assert.Single(pair.PrimaryJournal.Failures).Case);
        Assert.Equal(2UL, await pair.CheckpointAsync());
        Assert.Equal(NodeStage.Replicating, pair.Primary.GetStatus().Stage);

        // The kernel has dropped the page, and no mark says so.
        await pair.PrimaryDisks[0].FillAsync(new BlockRange(0, Block), 0x11);
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        await pair.DisksAreEqualAsync();

        // That sync has dealt with it.
        pair.Transport.Cut("the link is cut again");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.Equal("marks", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
    }

    [Fact]
    public async Task A_primary_whose_durability_becomes_power_flushes_before_it_says_so()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(new BlockRange(0, Block), 0x22);
        await pair.Primary.DisposeAsync();
        pair.Durability = Durability.Power;
        var rule = pair.PrimaryFaults.Add("node=disk0 op=flush error=EIO");
        await Assert.ThrowsAsync<BlockException>(pair.OpenPrimaryAsync);
        pair.PrimaryFaults.Remove(rule);

        // What was not flushed may be lost: the manifest still says that.
        pair.Boot = Guid.NewGuid();
        await pair.OpenPrimaryAsync();
        await pair.StartAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);

        // From now on a reboot takes nothing.
        await pair.Primary.DisposeAsync();
        pair.Boot = Guid.NewGuid();
        await pair.OpenPrimaryAsync();
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.Equal("marks", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
    }

    [Fact]
    public async Task Marks_that_cannot_be_made_safe_when_they_are_found_are_not_trusted()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(new BlockRange(0, Block), 0x22);
        await pair.Primary.DisposeAsync();
        pair.Durability = Durability.Power;
        var rule = pair.PrimaryFaults.Add("node=disk0.dirty op=flush error=EIO");
        await pair.OpenPrimaryAsync();
        pair.PrimaryFaults.Remove(rule);
        await pair.StartAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_process_node_that_loses_power_right_after_its_promotion_still_has_its_generation()
    {
        var state = new LossyFileStore();
        await using var pair = new TestPair { OpenFiles = name => name == $"state-{NodeRole.Secondary}" ? state : null };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        await pair.View().FillAsync(new BlockRange(0, Block), 0x33);
        pair.SecondaryFaults.Add("node=disk0.commit op=write error=EIO");
        Generation promoted = (await pair.Secondary!.FailoverAsync(force: false, default)).Generation;
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.FailoverFailed);
        Random random = DeterministicRandom.Create();
        LossyFileStore running = state;
        await pair.Secondary.DisposeAsync();
        for (int round = 0; round < 10; round++)
        {
            state = running.Crash(random);
            pair.Boot = Guid.NewGuid();
            await pair.OpenSecondaryAsync();
            Assert.Equal((NodeStage.Inconsistent, promoted), (pair.Secondary.GetStatus().Stage, pair.Secondary.GetStatus().Generation));
            await pair.Secondary.DisposeAsync();
        }

        // The old primary never takes it for its secondary again.
        await pair.OpenSecondaryAsync();
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task A_process_primary_that_loses_power_right_after_its_start_asks_before_it_serves()
    {
        var state = new LossyFileStore();
        await using var pair = new TestPair { OpenFiles = name => name == $"state-{NodeRole.Primary}" ? state : null };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        Random random = DeterministicRandom.Create();
        LossyFileStore running = state;
        await pair.Primary.DisposeAsync();
        pair.ToSecondary.IsCut = true;
        for (int round = 0; round < 10; round++)
        {
            state = running.Crash(random);
            pair.Boot = Guid.NewGuid();
            await pair.OpenPrimaryAsync();
            Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
            await pair.Primary.DisposeAsync();
        }

        await pair.OpenPrimaryAsync();
    }

    private static async Task<TestPair> StartedAsync()
    {
        var pair = new TestPair { Durability = Durability.Power };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }
}
