using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A promotion that was lost with its view: the fenced primary goes on where the operator says that the secondary's changes do not count.</summary>
public sealed class DiscardTests
{
    private static readonly BlockRange s_written = new(0, 65536);

    [Fact]
    public async Task A_promotion_that_a_reboot_has_taken_is_discarded_and_the_fenced_primary_goes_on()
    {
        await using TestPair pair = await LostPromotionAsync();
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Contains("fenced", refusal.Message, StringComparison.Ordinal);
        StartResult start = await DiscardAsync(pair);
        Assert.Equal(
            (3UL, NodeStage.Replicating, NodeStage.Running), (start.Generation.Number, pair.Primary.GetStatus().Stage, pair.Secondary!.GetStatus().Stage));
        Assert.Equal("digests", pair.LastWay());
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x22);
        await pair.Guest().FillAsync(s_written, 0x33);
        await pair.DisksAreEqualAsync();
        await pair.CheckpointAsync();
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x33);

        // Both sides know the same generation after a restart, and the next promotion follows it.
        await pair.RestartSecondaryAsync();
        await pair.KillPrimaryAsync();
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.Equal(4UL, (await pair.Secondary.FailoverAsync(force: false, default)).Generation.Number);
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
    }

    [Fact]
    public async Task Cut_short_at_the_attach_it_needs_no_second_word()
    {
        await using TestPair pair = await LostPromotionAsync();
        pair.ToSecondary.LoseReplyOf = nameof(IReplicationPeer.AttachMirrorAsync);
        await Assert.ThrowsAsync<VerbException>(() => DiscardAsync(pair));
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await pair.Guest().FillAsync(s_written, 0x33);
        await pair.RestartSecondaryAsync();
        await pair.RestartPrimaryAsync();
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_secondary_whose_record_fails_on_the_way_opens_again_and_the_next_start_ends_it(int nthRecord)
    {
        await using TestPair pair = await LostPromotionAsync();
        pair.SecondaryFaults.Add($"node=record op=write nth={nthRecord} count=1 error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => DiscardAsync(pair));
        await pair.RestartSecondaryAsync();
        await DiscardAsync(pair);
        await pair.DisksAreEqualAsync();
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x22);
    }

    [Fact]
    public async Task A_record_that_cannot_be_written_leaves_the_primary_fenced_in_its_generation()
    {
        await using TestPair pair = await LostPromotionAsync();
        pair.PrimaryFaults.Add("node=record op=write count=1 error=ENOSPC");
        await Assert.ThrowsAsync<VerbException>(() => DiscardAsync(pair));
        Assert.Equal((NodeStage.Fenced, 1UL), (pair.Primary.GetStatus().Stage, pair.Primary.GetStatus().Generation.Number));
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
        await DiscardAsync(pair);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_promoted_secondary_that_serves_is_not_overruled()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => DiscardAsync(pair));
        Assert.Equal(VerbFailure.Refused, refusal.Failure);
        Assert.Contains($"{pair.Secondary.GetStatus().Generation}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"{pair.Primary.GetStatus().Generation}", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((NodeStage.Fenced, NodeStage.Done), (pair.Primary.GetStatus().Stage, pair.Secondary.GetStatus().Stage));
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
    }

    [Fact]
    public async Task Where_nothing_is_to_be_discarded_it_is_a_start_like_any_other()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        Assert.Equal(1UL, (await DiscardAsync(pair)).Generation.Number);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => DiscardAsync(pair))).Failure);
    }

    private static Task<StartResult> DiscardAsync(TestPair pair) =>
        pair.Primary.StartAsync(NodeRole.Primary, SyncMode.Auto, abandonView: false, discardSecondary: true, default);

    /// <summary>Promoted, its commit failed, its machine rebooted under <c>process</c>; the primary is fenced and has what was never checkpointed.</summary>
    private static async Task<TestPair> LostPromotionAsync()
    {
        TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(s_written, 0x22);
        await pair.View().FillAsync(new BlockRange(100_000, 4096), 0x44);
        var rule = pair.SecondaryFaults.Add("node=disk0.commit op=write error=EIO");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.FailoverFailed);
        await pair.Secondary.DisposeAsync();
        pair.SecondaryFaults.Remove(rule);
        pair.Boot = Guid.NewGuid();
        await pair.OpenSecondaryAsync();
        Assert.Equal((NodeStage.Inconsistent, NodeStage.Fenced), (pair.Secondary.GetStatus().Stage, pair.Primary.GetStatus().Stage));
        return pair;
    }
}
