using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>The verb <c>resync</c>, and every instant of it.</summary>
public sealed class ResyncVerbTests
{
    /// <summary>Where a resync can be held: a breakpoint's rule and the side on which it is.</summary>
    public static TheoryData<string, bool> Steps => new()
    {
        { "node=disk0 op=read nth=1 break=mid", true },
        { "node=disk0 op=read nth=2 break=mid", true },
        { "node=disk0.hidden op=write nth=1 break=mid", false },
        { "node=disk0.hidden.marks op=write nth=1 break=mid", false },
        { "node=disk0 op=write nth=1 break=mid", false },
        { "node=disk0 op=write nth=2 break=mid", false },
        { "node=disk0 op=flush nth=1 break=mid", false },
    };

    [Fact]
    public async Task A_detached_pair_comes_back_in_the_epoch_that_it_had()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, new byte[8192]);
        ResyncResult result = await pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.True(result.SyncedBytes >= 8192);
        Assert.Equal((NodeStage.Replicating, 1UL), (pair.Primary.GetStatus().Stage, pair.Primary.GetStatus().Epoch));
        Assert.Equal(
            (NodeStage.Running, 1UL, false), (pair.Secondary!.GetStatus().Stage, pair.Secondary.GetStatus().Epoch, pair.Secondary.GetStatus().Incomplete));
        await pair.DisksAreEqualAsync();
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 8192), 0x11);
        Assert.Equal(result.SyncedBytes, pair.PrimaryJournal.Of(EventTypes.ResyncCompleted)[^1]["syncedBytes"]);
        Assert.Equal(2, pair.PrimaryJournal.Of(EventTypes.MirrorAttached).Count);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.MirrorDetached));
        Assert.Equal(2UL, await pair.CheckpointAsync());
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 8192), 0);
    }

    [Fact]
    public async Task A_pair_that_replicates_has_nothing_to_do()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        Assert.Equal(new ResyncResult(0, TimeSpan.Zero), await pair.Primary.ResyncAsync(abandonView: false, default));
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.ResyncStarted));
    }

    [Fact]
    public async Task Two_that_ask_at_once_get_the_same_resync()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, new byte[4096]);
        Task<ResyncResult> one = pair.Primary.ResyncAsync(abandonView: false, default);
        Task<ResyncResult> other = pair.Primary.ResyncAsync(abandonView: false, default);
        Assert.Equal(await one, await other);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task Failover_at_any_instant_of_a_resync_shows_the_last_checkpoint_byte_for_byte(string rule, bool onPrimary)
    {
        await using TestPair pair = await TestPair.StartedAsync();
        byte[] checkpoint = pair.PrimaryDisks[0].Snapshot();
        await pair.View().WriteAsync(300_000, new byte[10_000]);
        Array.Clear(checkpoint, 300_000, 10_000);
        await DetachAsync(pair);
        await pair.Guest().WriteAsync(0, Filled(pair.PrimaryDisks[0].LengthBytes, 0x22));
        var faults = onPrimary ? pair.PrimaryFaults : pair.SecondaryFaults;
        faults.Add(rule);
        Task<ResyncResult> resync = pair.Primary.ResyncAsync(abandonView: false, default);
        await faults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);

        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(force: false, default))).Failure);
        // A mirrored write that is under way when the gate closes is waited for: it may end on either side of the promotion.
        Task<FailoverResult> failover = pair.Secondary!.FailoverAsync(force: true, default);
        faults.Breakpoint("mid").Release();
        FailoverResult forced = await failover.WaitAsync(TestTimeouts.Patience);
        Assert.True(forced.PrimaryFenced);
        await BlockAssert.ContentAsync(pair.View(), 0, checkpoint);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        BlockAssert.Equal(checkpoint, pair.SecondaryDisks[0].Snapshot());
        await Assert.ThrowsAsync<VerbException>(() => resync);
        Assert.Equal(NodeStage.Fenced, pair.Primary.GetStatus().Stage);
    }

    [Theory]
    [InlineData(nameof(IReplicationPeer.GetPositionAsync))]
    [InlineData(nameof(IReplicationPeer.AttachMirrorAsync))]
    [InlineData(nameof(IReplicationPeer.CompleteSyncAsync))]
    public async Task A_resync_that_fails_is_undone_and_the_next_one_succeeds(string lostReply)
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, new byte[4096]);
        // The follower asks for the position as well.
        do
        {
            pair.ToSecondary.LoseReplyOf = lostReply;
        }
        while (!await FailsAsync(pair) && lostReply == nameof(IReplicationPeer.GetPositionAsync));
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(4096, new byte[4096]);
        pair.ToSecondary.LoseReplyOf = null;
        await pair.Primary.ResyncAsync(abandonView: false, default);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_mirror_that_is_lost_during_the_copies_leaves_the_pair_detached_and_raises_no_second_outage()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, Filled(pair.PrimaryDisks[0].LengthBytes, 0x22));
        pair.SecondaryFaults.Add("node=disk0 op=write nth=1 break=mid");
        Task<ResyncResult> resync = pair.Primary.ResyncAsync(abandonView: false, default);
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        pair.Transport.Cut("the link is cut again");
        pair.SecondaryFaults.Breakpoint("mid").Release();
        await Assert.ThrowsAsync<VerbException>(() => resync);
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.MirrorDetached));
        await pair.Primary.ResyncAsync(abandonView: false, default);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_secondary_without_a_view_is_a_matter_for_start()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.ReplaceSecondaryAsync();
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Primary.ResyncAsync(abandonView: false, default));
        Assert.Equal(VerbFailure.Refused, refusal.Failure);
        Assert.Contains("none", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("run start", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failover_that_meets_the_last_step_of_a_resync_finds_a_primary_that_has_lost_nothing()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, new byte[8192]);
        pair.PrimaryFaults.Add("node=record op=write nth=1 break=mid");
        Task<ResyncResult> resync = pair.Primary.ResyncAsync(abandonView: false, default);
        await pair.PrimaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task<FailoverResult> failover = pair.Secondary!.FailoverAsync(force: false, default);
        Assert.False(failover.IsCompleted);
        pair.PrimaryFaults.Breakpoint("mid").Release();
        await resync.WaitAsync(TestTimeouts.Patience);
        Assert.True((await failover.WaitAsync(TestTimeouts.Patience)).PrimaryFenced);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 8192), 0x11);
    }

    [Fact]
    public async Task Two_heads_are_refused_with_both_generations_and_epochs()
    {
        await using TestPair pair = await DetachedAsync();
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = true;
        Generation promoted = (await pair.Secondary!.FailoverAsync(force: true, default)).Generation;
        await pair.Primary.FailoverAsync(force: false, default);
        pair.ToSecondary.IsCut = false;
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal((VerbFailure.Refused, true), (refusal.Failure, refusal.NeedsOperator));
        Assert.Contains($"{promoted} epoch 1", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"{pair.Primary.GetStatus().Generation} epoch 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_overlay_that_runs_out_of_room_on_the_way_refuses_with_the_ways_out()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, Filled(pair.PrimaryDisks[0].LengthBytes, 0x22));
        pair.SecondaryFaults.Add("node=disk0.hidden op=write error=ENOSPC");
        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Primary.ResyncAsync(abandonView: false, default));
        Assert.Equal((VerbFailure.Refused, true), (refusal.Failure, refusal.NeedsOperator));
        Assert.Matches(@"^resync is refused: the secondary's overlay has run out of room at \S+ of disk 'disk0'; configure ", refusal.Message);
        foreach (string way in new[] { "Overlay:Spill", "Overlay:Limit", "--abandon-view" })
            Assert.Contains(way, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 8192), 0x11);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task More_marks_than_the_overlay_has_room_for_are_refused_before_a_byte_travels_unless_the_view_may_go(bool abandonView)
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, Filled(65536, 0x22));
        pair.ToSecondary.OverlayFreeBytes = 8192;
        if (abandonView)
        {
            await pair.Primary.ResyncAsync(abandonView: true, default);
            Assert.Equal(2UL, pair.Secondary!.GetStatus().Epoch);
            await pair.DisksAreEqualAsync();
            return;
        }

        VerbException refusal = await Assert.ThrowsAsync<VerbException>(() => pair.Primary.ResyncAsync(abandonView: false, default));
        Assert.Equal((VerbFailure.Refused, true), (refusal.Failure, refusal.NeedsOperator));
        foreach (string part in new[] { "65536 bytes are marked", "room for 8192 bytes", "Overlay:Spill", "Overlay:Limit", "--abandon-view" })
            Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.ResyncStarted));
        Assert.Equal(NodeStage.Running, pair.Secondary!.GetStatus().Stage);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 65536), 0x11);
        VerbException started = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.StartsWith("start is refused", started.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_view_that_is_given_up_comes_back_with_a_checkpoint()
    {
        await using TestPair pair = await DetachedAsync();
        await pair.Guest().WriteAsync(0, Filled(pair.PrimaryDisks[0].LengthBytes, 0x22));
        pair.SecondaryFaults.Add("node=disk0.hidden op=write error=ENOSPC");
        await pair.Primary.ResyncAsync(abandonView: true, default);
        Assert.Equal((NodeStage.Running, 2UL), (pair.Secondary!.GetStatus().Stage, pair.Secondary.GetStatus().Epoch));
        Assert.Equal((NodeStage.Replicating, 2UL), (pair.Primary.GetStatus().Stage, pair.Primary.GetStatus().Epoch));
        await pair.DisksAreEqualAsync();
        await BlockAssert.SameAsync(pair.PrimaryDisks[0], pair.View());
    }

    private static async Task<bool> FailsAsync(TestPair pair)
    {
        try
        {
            await pair.Primary.ResyncAsync(abandonView: false, default);
            await DetachAsync(pair);
            return false;
        }
        catch (VerbException)
        {
            return true;
        }
    }

    private static byte[] Filled(long lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        return data;
    }

    private static async Task<TestPair> DetachedAsync()
    {
        TestPair pair = await TestPair.StartedAsync();
        await DetachAsync(pair);
        return pair;
    }

    private static async Task DetachAsync(TestPair pair)
    {
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
    }
}
