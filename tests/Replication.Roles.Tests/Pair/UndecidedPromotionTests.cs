using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>
/// The secondary is in the middle of a promotion whose question has not reached the primary, which loses its mirror at that moment and asks. What it is told
/// is that nothing is decided yet: until it is, nothing may be acknowledged that the promoted one would lack (invariant Fence).
/// </summary>
public sealed class UndecidedPromotionTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_promotion_that_succeeds_fences_a_primary_that_lost_its_mirror_meanwhile()
    {
        await using TestPair pair = await StartedAsync();
        (Task<FailoverResult> failover, Task write) = await LoseMirrorAmidPromotionAsync(pair, "");
        pair.SecondaryFaults.Breakpoint("promote").Release();
        await failover.WaitAsync(TestTimeouts.Patience);
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        await Assert.ThrowsAsync<BlockException>(() => pair.Guest().WriteAsync(0, new byte[512]).AsTask().WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_promotion_that_fails_lets_the_primary_go_on_alone()
    {
        await using TestPair pair = await StartedAsync();
        (Task<FailoverResult> failover, Task write) = await LoseMirrorAmidPromotionAsync(pair, " error=EIO");
        pair.SecondaryFaults.Breakpoint("promote").Release();
        await Assert.ThrowsAsync<VerbException>(() => failover.WaitAsync(TestTimeouts.Patience));
        await UntilAsync(() => write.IsCompleted);
        await write;
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[512]).AsTask().WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_peer_that_is_not_heard_of_any_more_leaves_the_primary_waiting()
    {
        await using TestPair pair = await StartedAsync();
        (Task<FailoverResult> failover, Task write) = await LoseMirrorAmidPromotionAsync(pair, "");
        pair.ToSecondary.IsCut = true;
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Waiting);
        Assert.False(write.IsCompleted);
        pair.SecondaryFaults.Breakpoint("promote").Release();
        await failover.WaitAsync(TestTimeouts.Patience);
        pair.ToSecondary.IsCut = false;
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_hold_that_is_asked_for_after_all_is_not_ended_by_what_was_asked_before()
    {
        await using TestPair pair = await StartedAsync();
        (Task<FailoverResult> failover, Task write) = await LoseMirrorAmidPromotionAsync(pair, " error=EIO");
        pair.SecondaryFaults.Breakpoint("promote").Release();
        await Assert.ThrowsAsync<VerbException>(() => failover.WaitAsync(TestTimeouts.Patience));
        pair.ToPrimary.IsCut = false;
        Task<FailoverResult>? second = null;
        // The answer that nothing has come of the promotion is on its way while the next one is asked for.
        Action askAgain = () =>
        {
            pair.SecondaryFaults.Add("node=record op=write count=1 break=again");
            second = pair.Secondary!.FailoverAsync(force: true, default);
        };
        pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.GetPositionAsync), askAgain);
        await UntilAsync(() => second is not null);
        await pair.SecondaryFaults.Breakpoint("again").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        for (int i = 0; i < 8; i++)
            _time.Advance(Limits.PositionQuestionInterval);
        Assert.False(write.IsCompleted);
        pair.SecondaryFaults.Breakpoint("again").Release();
        await second!.WaitAsync(TestTimeouts.Patience);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
    }

    // The record of the promotion hangs, or fails when it goes on; the link is cut, and the guest has written.
    private async Task<(Task<FailoverResult> Failover, Task Write)> LoseMirrorAmidPromotionAsync(TestPair pair, string then)
    {
        pair.ToPrimary.IsCut = true;
        pair.SecondaryFaults.Add($"node=record op=write count=1 break=promote{then}");
        Task<FailoverResult> failover = pair.Secondary!.FailoverAsync(force: true, default);
        await pair.SecondaryFaults.Breakpoint("promote").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        int asked = pair.ToSecondary.Asked;
        Task write = pair.Guest().WriteAsync(0, new byte[4096]).AsTask();
        pair.Transport.Cut("the link is cut");
        await UntilAsync(() => pair.ToSecondary.Asked > asked + 2);
        Assert.False(write.IsCompleted);
        return (failover, write);
    }

    private Task UntilAsync(Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        if (condition())
            return true;
        _time.Advance(TimeSpan.FromMilliseconds(50));
        return false;
    });

    private async Task<TestPair> StartedAsync()
    {
        var pair = new TestPair { Time = _time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }
}
