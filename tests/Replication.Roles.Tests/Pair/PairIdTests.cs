using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>Which secondary the marks are about, and which one may speak for the generation: one primary, two secondaries in turn.</summary>
public sealed class PairIdTests
{
    private const int Block = TestPair.BlockBytes;
    private const string First = "";
    private const string Other = "other";

    [Fact]
    public async Task Two_secondaries_at_one_generation_and_epoch_are_told_apart_and_compared_by_digests()
    {
        await using TestPair pair = await TwoAtOneEpochAsync();
        await DetachAsync(pair);
        await pair.UseSecondaryAsync(First);
        Assert.Equal(pair.Primary.GetStatus().Epoch, pair.Secondary!.GetStatus().Epoch);
        Assert.Equal(pair.Primary.GetStatus().Generation, pair.Secondary.GetStatus().Generation);
        await pair.StartAsync();
        Assert.Equal("digests", pair.LastWay());
        await pair.DisksAreEqualAsync();
        await BlockAssert.SameAsync(pair.PrimaryDisks[0], pair.View());
        // From here on the marks are about this one.
        await DetachAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Equal(Block, (await pair.StartAsync()).SyncedBytes);
    }

    [Fact]
    public async Task A_resync_does_not_continue_the_view_of_a_secondary_that_was_left()
    {
        await using TestPair pair = await TwoAtOneEpochAsync();
        await DetachAsync(pair);
        await pair.UseSecondaryAsync(First);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Primary.ResyncAsync(abandonView: false, default));
        Assert.Equal((VerbFailure.Refused, true), (refusal.Failure, refusal.NeedsOperator));
        Assert.EndsWith("run start", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secondary_that_was_left_is_not_promoted_beside_its_primary_unless_forced()
    {
        await using TestPair pair = await TwoAtOneEpochAsync();
        await using GroupNode left = await pair.OpenBesideAsync(First);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => left.FailoverAsync(force: false, default));
        Assert.Equal(VerbFailure.Refused, refusal.Failure);
        Assert.Contains("another secondary", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((NodeStage.Replicating, NodeStage.Running), (pair.Primary.GetStatus().Stage, left.GetStatus().Stage));
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Contains("another secondary", (await left.FailoverAsync(force: true, default)).Lost, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_restart_of_either_side_keeps_what_they_have_in_common(bool ofPrimary)
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        await pair.Guest().WriteAsync(2 * Block, new byte[Block]);
        Guid incarnation = (await pair.ToSecondary.GetPositionAsync("vm1", default)).Incarnation;
        if (ofPrimary)
            await pair.KillPrimaryAsync();
        else
            await pair.RestartSecondaryAsync();
        Assert.Equal(ofPrimary, incarnation == (await pair.ToSecondary.GetPositionAsync("vm1", default)).Incarnation);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        Assert.Equal(Block, (await pair.StartAsync()).SyncedBytes);
        Assert.Equal("marks", pair.LastWay());
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task No_secondary_switches_before_a_reboot_of_the_primary_would_find_it_on_record()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.StopAsync(default);
        pair.PrimaryFaults.Add("node=record op=flush nth=1 count=1 error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(NodeStage.Stopped, pair.Primary.GetStatus().Stage);
        Assert.NotEqual(NodeStage.Running, pair.Secondary!.GetStatus().Stage);
        await pair.StartAsync();
    }

    [Fact]
    public async Task A_first_commit_in_doubt_leaves_a_primary_that_knows_whom_it_may_be_with()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        await pair.UseSecondaryAsync(Other);
        pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.CommitCheckpointAsync), () => pair.ToSecondary.IsCut = true);
        pair.ToSecondary.LoseReplyOf = nameof(IReplicationPeer.CommitCheckpointAsync);
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        await pair.KillPrimaryAsync(whenDead: () => pair.ToSecondary.IsCut = true);
        Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
        // The one before cannot speak for the generation: the other may have been promoted.
        await pair.UseSecondaryAsync(First);
        int asked = pair.ToSecondary.Asked;
        pair.ToSecondary.IsCut = false;
        await Eventually.TrueAsync(() => pair.ToSecondary.Asked >= asked + 3);
        Assert.Equal(NodeStage.Waiting, pair.Primary.GetStatus().Stage);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Contains("not the one that the primary was last with", refusal.Message, StringComparison.Ordinal);
        // The other one can, and its view is continued.
        await pair.UseSecondaryAsync(Other);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.Equal(("digests", 2UL), (pair.LastWay(), pair.Primary.GetStatus().Epoch));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_first_commit_that_is_refused_leaves_the_primary_with_the_secondary_that_it_had()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        await pair.UseSecondaryAsync(Other);
        pair.SecondaryFaults.Add("node=record op=write nth=2 count=1 error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        await pair.UseSecondaryAsync(First);
        await pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.Equal("digests", pair.LastWay());
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_rebooted_secondary_whose_sync_was_cut_short_before_it_began_is_still_compared_by_digests()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        await pair.Secondary!.DisposeAsync();
        pair.Boot = Guid.NewGuid();
        // What the reboot has taken.
        await pair.SecondaryDisks[0].WriteAsync(8 * Block, new byte[Block]);
        await pair.OpenSecondaryAsync();
        Assert.Equal(NodeStage.Inconsistent, pair.Secondary.GetStatus().Stage);
        pair.ToSecondary.LoseReplyOf = nameof(IReplicationPeer.AttachMirrorAsync);
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        await pair.RestartSecondaryAsync();
        Assert.Equal(NodeStage.None, pair.Secondary.GetStatus().Stage);
        await pair.StartAsync();
        Assert.Equal("digests", pair.LastWay());
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_secondary_that_is_replaced_between_the_question_and_the_attach_is_not_taken_for_the_one_that_was_asked()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        PeerPosition asked = await pair.ToSecondary.GetPositionAsync("vm1", default);
        await pair.UseSecondaryAsync(Other);
        pair.ToSecondary.Position = asked;
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(VerbFailure.Failed, failure.Failure);
        pair.ToSecondary.Position = null;
        await pair.StartAsync();
        Assert.Equal("digests", pair.LastWay());
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task Who_vouches_for_equal_disks_makes_a_pair_whose_marks_count()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        await pair.SecondaryDisks[0].WriteAsync(0, pair.PrimaryDisks[0].Snapshot());
        Assert.Equal(0, (await pair.StartAsync(SyncMode.None)).SyncedBytes);
        await DetachAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Equal(Block, (await pair.StartAsync()).SyncedBytes);
        Assert.Equal("marks", pair.LastWay());
    }

    /// <summary>
    /// The first secondary has switched to epoch 2, which the primary never learned; then the primary has begun its epoch 2
    /// with another one, with which it replicates. What the first one lacks is not marked.
    /// </summary>
    private static async Task<TestPair> TwoAtOneEpochAsync()
    {
        TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        await pair.Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        pair.ToSecondary.IsCut = true;
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Unknown, default);
        Assert.Equal((1UL, 2UL), (pair.Primary.GetStatus().Epoch, pair.Secondary.GetStatus().Epoch));
        await DetachAsync(pair);
        await pair.UseSecondaryAsync(Other);
        pair.ToSecondary.IsCut = false;
        await pair.StartAsync();
        Assert.Equal(2UL, pair.Primary.GetStatus().Epoch);
        await pair.Guest().WriteAsync(10 * Block, new byte[Block]);
        await pair.CleanAsync();
        return pair;
    }

    private static async Task DetachAsync(TestPair pair)
    {
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
    }
}
