using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A primary that has gone on alone looks for a second head by itself.</summary>
public sealed class TwoHeadsTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_heads_are_told_once_whichever_of_them_was_the_first(bool primaryFirst)
    {
        await using TestPair pair = await StartedAsync();
        await PartAsync(pair, primaryFirst);
        await AskedAsync(pair, 2);
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
        pair.ToSecondary.IsCut = false;
        await UntilAsync(() => pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count > 0);
        await AskedAsync(pair, 3);
        Dictionary<string, object> told = Assert.Single(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
        Assert.Equal(pair.Primary.GetStatus().Generation.ToString(), told["ours"]);
        Assert.Equal(pair.Secondary!.GetStatus().Generation.ToString(), told["theirs"]);

        // Both were told to go on, and both do.
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await pair.View().WriteAsync(0, new byte[4096]);
    }

    [Fact]
    public async Task A_second_head_that_goes_and_comes_again_and_a_start_that_meets_it_are_the_same_event()
    {
        await using TestPair pair = await StartedAsync();
        await PartAsync(pair, primaryFirst: true);
        pair.ToSecondary.IsCut = false;
        await UntilAsync(() => pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count > 0);
        pair.ToSecondary.IsCut = true;
        await AskedAsync(pair, 2);
        pair.ToSecondary.IsCut = false;
        await AskedAsync(pair, 2);
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_primary_that_is_restarted_alone_looks_again(bool peerIsThere)
    {
        await using TestPair pair = await StartedAsync();
        await PartAsync(pair, primaryFirst: false);
        pair.ToSecondary.IsCut = !peerIsThere;
        await pair.RestartPrimaryAsync();
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        int before = pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count;
        Assert.True(peerIsThere || before == 0);
        pair.ToSecondary.IsCut = false;
        // What the run before has told, and this one, once each.
        await UntilAsync(() => pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count > 0);
        int told = pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count;
        await AskedAsync(pair, 3);
        Assert.Equal(told, pair.PrimaryJournal.Of(EventTypes.SplitBrain).Count);
    }

    [Fact]
    public async Task A_secondary_that_was_not_promoted_is_no_second_head_and_is_not_taken_back()
    {
        await using TestPair pair = await StartedAsync(ResyncPolicy.Auto);
        await pair.Primary.FailoverAsync(force: false, default);
        await AskedAsync(pair, 3);
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.MirrorAttached));
        Assert.Equal((NodeStage.Standalone, NodeStage.Running), (pair.Primary.GetStatus().Stage, pair.Secondary!.GetStatus().Stage));
    }

    [Fact]
    public async Task A_successor_of_the_very_generation_fences_a_primary_that_is_alone()
    {
        await using TestPair pair = await StartedAsync();
        IReadOnlyList<Generation> first = (await pair.Primary.GetPositionAsync("vm1", default)).History;
        Generation ours = (await pair.Primary.FailoverAsync(force: false, default)).Generation;
        pair.ToSecondary.Position = new PeerPosition(NodeRole.Secondary, NodeStage.Done, [.. first, ours, ours.Next(Guid.NewGuid(), 1)], 1);
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[512]));
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.Fenced));
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
        int asked = pair.ToSecondary.Asked;
        await PassAsync(6);
        Assert.Equal(asked, pair.ToSecondary.Asked);
    }

    [Fact]
    public async Task A_primary_in_its_first_generation_asks_nobody()
    {
        await using var pair = new TestPair { Time = _time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await PassAsync(6);
        Assert.Equal((NodeStage.Standalone, 0), (pair.Primary.GetStatus().Stage, pair.ToSecondary.Asked));
    }

    [Fact]
    public async Task An_answer_that_arrives_when_the_primary_replicates_again_says_nothing_and_nothing_is_asked_any_more()
    {
        await using TestPair pair = await StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.Primary.FailoverAsync(force: false, default);
        await AskedAsync(pair, 1);
        var answers = new TaskCompletionSource();
        pair.ToSecondary.Position = new PeerPosition(NodeRole.Secondary, NodeStage.Done, [Generation.First(Guid.NewGuid())], 1);
        pair.ToSecondary.DelayReplyOf = (nameof(IReplicationPeer.GetPositionAsync), answers.Task);
        pair.ToSecondary.IsCut = false;
        await UntilAsync(() => pair.ToSecondary.DelayReplyOf is null);
        pair.ToSecondary.Position = null;
        await pair.StartAsync();
        answers.SetResult();
        await PassAsync(2);
        int asked = pair.ToSecondary.Asked;
        await PassAsync(6);
        Assert.Equal(asked, pair.ToSecondary.Asked);
        Assert.Equal(NodeStage.Replicating, pair.Primary.GetStatus().Stage);
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.SplitBrain));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_start_that_fails_leaves_a_primary_that_still_looks()
    {
        await using TestPair pair = await StartedAsync();
        await pair.Primary.FailoverAsync(force: false, default);
        pair.SecondaryFaults.Add("node=disk0 op=write error=EIO count=1");
        pair.SecondaryFaults.Add("node=disk0 op=read error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await AskedAsync(pair, 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_that_ends_waits_neither_for_an_answer_nor_for_the_next_question(bool amidQuestion)
    {
        TestPair pair = await StartedAsync();
        await pair.Primary.FailoverAsync(force: false, default);
        await AskedAsync(pair, 1);
        if (amidQuestion)
        {
            pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
            await UntilAsync(() => pair.ToSecondary.Hanging > 0);
        }

        await pair.DisposeAsync().AsTask().WaitAsync(TestTimeouts.Patience);
    }

    private async Task<TestPair> StartedAsync(ResyncPolicy resync = ResyncPolicy.Manual)
    {
        var pair = new TestPair { Time = _time, Resync = resync };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }

    /// <summary>Both are told to go on while neither can hear the other.</summary>
    private static async Task PartAsync(TestPair pair, bool primaryFirst)
    {
        pair.ToSecondary.IsCut = pair.ToPrimary.IsCut = true;
        if (primaryFirst)
            await pair.Primary.FailoverAsync(force: false, default);
        await pair.Secondary!.FailoverAsync(force: false, default);
        if (!primaryFirst)
            await pair.Primary.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
    }

    private Task AskedAsync(TestPair pair, int times)
    {
        int before = pair.ToSecondary.Asked;
        return UntilAsync(() => pair.ToSecondary.Asked >= before + times);
    }

    // The loop sets its timers on threads of its own, so time goes on a little again and again.
    private Task UntilAsync(Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        if (condition())
            return true;
        _time.Advance(Limits.RivalQuestionInterval);
        return false;
    });

    private async Task PassAsync(int intervals)
    {
        for (int i = 0; i < intervals; i++)
        {
            _time.Advance(Limits.RivalQuestionInterval);
            await Task.Yield();
        }
    }
}
