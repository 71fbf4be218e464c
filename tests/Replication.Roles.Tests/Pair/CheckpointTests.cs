using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class CheckpointTests
{
    [Fact]
    public async Task A_repeated_commit_succeeds_and_switches_once()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        var commit = begun.ToCommit();
        await pair.Secondary!.CommitCheckpointAsync(commit, default);
        await pair.View().WriteAsync(0, new byte[4096]);
        await pair.Secondary.CommitCheckpointAsync(commit, default);
        Assert.Equal(4096, pair.Secondary.GetStatus().Disks[0].ActiveBytes);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default);
        Assert.Equal((2UL, TimeSpan.Zero), await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default));
    }

    [Fact]
    public async Task A_commit_with_another_count_is_refused_and_nothing_switches()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        var commit = begun.ToCommit() with { AnsweredWrites = begun.AnsweredWrites + 1 };
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.CommitCheckpointAsync(commit, default))).Failure);
        Assert.Equal(1UL, pair.Secondary!.GetStatus().Epoch);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Aborted, default);
        Assert.Equal(2UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task Guest_writes_wait_between_begin_and_end_and_belong_to_the_next_epoch()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, TimeSpan.FromSeconds(30), default);
        Task write = pair.Guest().WriteAsync(0, new byte[4096]).AsTask();
        Assert.False(write.IsCompleted);
        await pair.Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default);
        await write;
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 4096), 0x11);
    }

    [Fact]
    public async Task A_lease_that_runs_out_frees_the_guest_and_a_late_commit_is_refused()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, TimeSpan.FromMilliseconds(50), default);
        await pair.Guest().WriteAsync(0, new byte[4096]).AsTask().WaitAsync(TestTimeouts.Patience);
        var commit = begun.ToCommit();
        await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.CommitCheckpointAsync(commit, default));
        await Eventually.TrueAsync(() => pair.PrimaryJournal.Of(EventTypes.CheckpointAborted).Count == 1);
        Assert.Equal(2UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task An_epoch_in_doubt_is_asked_for_and_adopted()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        await pair.Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Unknown, default);
        Assert.Equal(2UL, pair.Primary.GetStatus().Epoch);
        Assert.Equal(3UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task A_record_that_cannot_be_written_changes_no_disk()
    {
        await using TestPair pair = await TestPair.StartedAsync(disks: 3);
        await pair.Guest(2).WriteAsync(0, new byte[4096]);
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        pair.SecondaryFaults.Add("node=record op=write count=1 error=EIO");
        var commit = begun.ToCommit();
        await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.CommitCheckpointAsync(commit, default));
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Aborted, default);
        Assert.Equal(1UL, pair.Secondary!.GetStatus().Epoch);
        await BlockAssert.FilledAsync(pair.View(2), new BlockRange(0, 4096), 0x11);
        Assert.Equal(2UL, await pair.CheckpointAsync());
        await BlockAssert.FilledAsync(pair.View(2), new BlockRange(0, 4096), 0);
    }

    [Fact]
    public async Task An_incomplete_secondary_takes_no_checkpoint()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Secondary!.DetachMirrorAsync(Guid.Empty, default);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(pair.CheckpointAsync)).Failure);
    }

    [Fact]
    public async Task A_checkpoint_is_not_taken_for_an_earlier_one_to_the_same_epoch_that_was_committed_late()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint late = await pair.Primary.BeginCheckpointAsync(0, null, default);
        await pair.Primary.EndCheckpointAsync(late.Epoch, CheckpointOutcome.Aborted, default);
        await pair.Secondary!.CommitCheckpointAsync(late.ToCommit(), default);
        await pair.View().WriteAsync(0, new byte[4096]);

        BegunCheckpoint next = await pair.Primary.BeginCheckpointAsync(0, null, default);
        await Assert.ThrowsAsync<VerbException>(() => pair.Secondary.CommitCheckpointAsync(next.ToCommit(), default));
        await pair.Primary.EndCheckpointAsync(next.Epoch, CheckpointOutcome.Aborted, default);
        Assert.Equal(3UL, await pair.CheckpointAsync());
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 4096), 0x11);
    }
}
