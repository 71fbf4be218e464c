using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class FailoverTests
{
    private static readonly BlockRange s_mirrored = new(0, 8192);
    private static readonly BlockRange s_own = new(65536, 5000);

    [Fact]
    public async Task The_secondary_becomes_its_guests_view_and_the_primary_is_fenced()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await Fill(pair.Guest(), s_mirrored, 0x22);
        await Fill(pair.View(), s_own, 0x33);
        FailoverResult result = await pair.Secondary!.FailoverAsync(force: false, default);
        Assert.True(result.PrimaryFenced);
        Assert.Equal(2UL, result.Generation.Number);
        await BlockAssert.FilledAsync(pair.View(), s_mirrored, 0x11);
        await BlockAssert.FilledAsync(pair.View(), s_own, 0x33);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], s_mirrored, 0x11);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], s_own, 0x33);
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
        Assert.Equal(result.Generation, (await pair.Secondary.FailoverAsync(false, default)).Generation);
    }

    [Fact]
    public async Task The_undo_set_is_the_promoted_nodes_dirty_bitmap()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await Fill(pair.Guest(), s_mirrored, 0x22);
        await Fill(pair.View(), s_own, 0x33);
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        await Fill(pair.View(), new BlockRange(200_000, 1), 0x44);
        Assert.Equal((2 + 2 + 1) * TestPair.BlockBytes, pair.Secondary.GetStatus().Disks[0].DirtyBytes);
    }

    [Fact]
    public async Task Failover_beside_a_detached_primary_is_refused_unless_forced()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Transport.Cut("the link is cut");
        await Fill(pair.Guest(), s_mirrored, 0x22);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(force: false, default));
        Assert.Equal(VerbFailure.Refused, refusal.Failure);
        Assert.Contains("detached", refusal.Message, StringComparison.Ordinal);
        await Fill(pair.Guest(), s_mirrored, 0x23);
        FailoverResult forced = await pair.Secondary!.FailoverAsync(force: true, default);
        Assert.NotNull(forced.Lost);
        Assert.True(forced.PrimaryFenced);
    }

    [Fact]
    public async Task A_primary_that_cannot_be_reached_does_not_stop_a_failover()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToPrimary.IsCut = true;
        FailoverResult result = await pair.Secondary!.FailoverAsync(force: false, default);
        Assert.False(result.PrimaryFenced);
    }

    [Fact]
    public async Task A_primary_that_learns_of_the_promotion_from_its_dead_session_fails_the_write_it_was_holding()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToPrimary.IsCut = true;
        await pair.Secondary!.FailoverAsync(force: false, default);
        pair.Transport.Cut("the promoted node has closed the session");
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        // Nothing has failed: the mirror's end is what a promotion means.
        Assert.Empty(pair.PrimaryJournal.Failures);
    }

    [Fact]
    public async Task A_lost_reply_to_the_release_fences_the_primary_all_the_same()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToPrimary.LoseReplyOf = nameof(IReplicationPeer.ReleaseAsync);
        Assert.False((await pair.Secondary!.FailoverAsync(force: false, default)).PrimaryFenced);
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
    }

    [Fact]
    public async Task A_failed_commit_can_be_tried_again()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await Fill(pair.View(), s_own, 0x33);
        var rule = pair.SecondaryFaults.Add("node=disk0.commit op=write error=EIO");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.SecondaryJournal.Failures.Count > 0);
        Assert.Equal(NodeStage.FailoverFailed, pair.Secondary.GetStatus().Stage);
        Assert.Equal(FailureCase.Commit, Assert.Single(pair.SecondaryJournal.Failures).Case);
        await BlockAssert.FilledAsync(pair.View(), s_own, 0x33);
        pair.SecondaryFaults.Remove(rule);
        await pair.Secondary.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], s_own, 0x33);
    }

    [Fact]
    public async Task The_primary_goes_on_alone_when_told_so_and_in_a_generation_of_its_own()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = true;
        FailoverResult result = await pair.Primary.FailoverAsync(force: false, default);
        Assert.Equal(2UL, result.Generation.Number);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await Fill(pair.Guest(), s_mirrored, 0x22);
        Assert.Equal(result.Generation, (await pair.Primary.FailoverAsync(false, default)).Generation);
    }

    [Fact]
    public async Task Two_heads_are_told_apart_and_neither_start_nor_failover_goes_on()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = true;
        await pair.Primary.FailoverAsync(false, default);
        await pair.Secondary!.FailoverAsync(false, default);
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = false;
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(VerbFailure.Refused, refusal.Failure);
        Assert.Contains("split brain", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
    }

    [Fact]
    public async Task A_detached_primary_that_could_not_be_asked_is_fenced_when_it_hears_of_the_promotion()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        pair.ToPrimary.IsCut = pair.ToSecondary.IsCut = true;
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Fill(pair.Guest(), s_mirrored, 0x22);
        pair.ToSecondary.IsCut = false;
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
    }

    [Fact]
    public async Task A_failed_failover_of_the_primary_leaves_it_detached_and_on_record()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.PrimaryFaults.Add("node=record op=write count=1 error=ENOSPC");
        Assert.Equal(VerbFailure.Failed, (await Assert.ThrowsAsync<VerbException>(() => pair.Primary.FailoverAsync(false, default))).Failure);
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        Assert.Equal(1UL, pair.Primary.GetStatus().Generation.Number);
        await Fill(pair.Guest(), s_mirrored, 0x22);
        Assert.Contains(
            "detached", (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(false, default))).Message, StringComparison.Ordinal);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    private static async Task Fill(BlockNode node, BlockRange range, byte value)
    {
        byte[] data = new byte[range.LengthBytes];
        Array.Fill(data, value);
        await node.WriteAsync(range.OffsetBytes, data);
    }
}
