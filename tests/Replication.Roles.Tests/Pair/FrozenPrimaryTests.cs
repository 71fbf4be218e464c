using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>
/// A primary that is frozen (SIGSTOP) between its question to the peer and what it makes of the answer: what was true then may not be true any more. The peer
/// is promoted meanwhile, and nothing may be acknowledged after the thaw (invariant Fence).
/// </summary>
public sealed class FrozenPrimaryTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_freeze = TimeSpan.FromSeconds(8);
    private readonly FakeTimeProvider _time = new();

    public enum Freeze
    {
        BeforeTheAnswer,
        AfterTheAnswer,
        WhileRecording,
    }

    [Theory]
    [InlineData(Freeze.BeforeTheAnswer)]
    [InlineData(Freeze.AfterTheAnswer)]
    [InlineData(Freeze.WhileRecording)]
    public async Task A_primary_frozen_while_it_settles_a_loss_asks_again_before_it_acknowledges(Freeze freeze)
    {
        await using TestPair pair = await StartedAsync();
        Task write = await WriteAsync(pair);
        await FreezeAsync(pair, freeze, () =>
        {
            pair.Transport.Cut("the link is cut");
            return Task.CompletedTask;
        });
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
        pair.SecondaryFaults.Breakpoint("held").Release();
    }

    [Fact]
    public async Task A_primary_frozen_beside_a_silent_peer_asks_again_when_its_deadline_is_over()
    {
        await using TestPair pair = await StartedAsync();
        int asked = pair.ToSecondary.Asked;
        Task write = await WriteAsync(pair);
        await UntilAsync(() => pair.ToSecondary.Asked > asked, s_deadline / 50);
        Promote(pair);
        _time.Jump(s_freeze);
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced, s_deadline / 50);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
        pair.SecondaryFaults.Breakpoint("held").Release();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_primary_frozen_after_or_amid_a_slow_flush_asks_before_it_acknowledges(bool answered)
    {
        await using TestPair pair = await StartedAsync();
        await pair.Guest().WriteAsync(0, new byte[4096]).AsTask().WaitAsync(TestTimeouts.Patience);
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=slow");
        Task flush = pair.Guest().FlushAsync().AsTask();
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await UntilAsync(() => flush.IsCompleted, s_deadline / 50);
        if (answered)
        {
            pair.SecondaryFaults.Breakpoint("slow").Release();
            await UntilAsync(() => pair.DirtyBytes() == 0, s_deadline / 4);
        }

        Promote(pair);
        _time.Jump(s_freeze);
        pair.Transport.Cut("the promoted peer has closed it");
        Task write = pair.Guest().WriteAsync(0, new byte[4096]).AsTask();
        Exception? failure = await Record.ExceptionAsync(() => write.WaitAsync(TestTimeouts.Patience));
        if (!answered)
            pair.SecondaryFaults.Breakpoint("slow").Release();
        Assert.IsType<BlockException>(failure);
        // Refused first, then put on record.
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Only_one_that_was_frozen_asks_again_and_a_peer_without_an_answer_costs_half_a_deadline_more(bool frozen)
    {
        await using TestPair pair = await StartedAsync();
        Task write = await WriteAsync(pair);
        pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.ToSecondary.Hanging == 1);
        if (frozen)
        {
            _time.Jump(s_freeze);
            await Eventually.TrueAsync(() => pair.ToSecondary.Hanging == 2);
            Assert.False(write.IsCompleted);
            _time.Advance(s_deadline / 2);
        }
        else
        {
            _time.Advance(s_deadline);
        }

        await write.WaitAsync(TestTimeouts.Patience);
        // One that is detached asks on and on besides.
        Assert.Equal((frozen, NodeStage.Detached), (pair.ToSecondary.Hanging > 1, pair.Primary.GetStatus().Stage));
        pair.SecondaryFaults.Breakpoint("held").Release();
    }

    [Theory]
    [InlineData(Freeze.BeforeTheAnswer)]
    [InlineData(Freeze.AfterTheAnswer)]
    [InlineData(Freeze.WhileRecording)]
    public async Task A_restarted_primary_frozen_while_it_is_confirmed_asks_again_before_it_serves(Freeze freeze)
    {
        await using TestPair pair = await StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        Task write = pair.Guest().WriteAsync(0, new byte[4096]).AsTask();
        await FreezeAsync(pair, freeze, async () =>
        {
            int before = pair.ToSecondary.Asked;
            pair.ToSecondary.IsCut = false;
            await UntilAsync(() => pair.ToSecondary.Hanging + pair.ToSecondary.Asked > before, Limits.PositionQuestionInterval);
        });
        await UntilAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Fenced, Limits.PositionQuestionInterval);
        await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_start_that_has_an_old_answer_fails_and_the_next_one_asks_again()
    {
        await using TestPair pair = await StartedAsync();
        pair.ToSecondary.IsCut = true;
        await pair.RestartPrimaryAsync();
        // The primary's own question is under way meanwhile.
        pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
        await UntilAsync(() => pair.ToSecondary.Hanging > 0, Limits.PositionQuestionInterval);
        pair.ToSecondary.HangAt = null;
        pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.GetPositionAsync), () => _time.Jump(s_freeze));
        pair.ToSecondary.IsCut = false;
        VerbException old = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(VerbFailure.Failed, old.Failure);
        Assert.Contains("asked again", old.Message, StringComparison.Ordinal);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    /// <summary>What <paramref name="begin"/> makes the primary ask finds it frozen, and the peer promoted when it thaws.</summary>
    private async Task FreezeAsync(TestPair pair, Freeze freeze, Func<Task> begin)
    {
        const string Question = nameof(IReplicationPeer.GetPositionAsync);
        if (freeze == Freeze.AfterTheAnswer)
        {
            Action promoteAndFreeze = () =>
            {
                Promote(pair);
                _time.Jump(s_freeze);
            };
            pair.ToSecondary.AfterCallOf = (Question, promoteAndFreeze);
            await begin();
            return;
        }

        if (freeze == Freeze.BeforeTheAnswer)
            pair.ToSecondary.HangAt = Question;
        else
            pair.PrimaryFaults.Add("node=record op=write count=1 break=record");
        await begin();
        if (freeze == Freeze.BeforeTheAnswer)
            await Eventually.TrueAsync(() => pair.ToSecondary.Hanging > 0);
        else
            await pair.PrimaryFaults.Breakpoint("record").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        pair.ToSecondary.HangAt = null;
        Promote(pair);
        _time.Jump(s_freeze);
        if (freeze == Freeze.WhileRecording)
            pair.PrimaryFaults.Breakpoint("record").Release();
    }

    private static void Promote(TestPair pair)
    {
        Generation ours = pair.Primary.GetStatus().Generation;
        pair.ToSecondary.Position = new PeerPosition(NodeRole.Secondary, NodeStage.Done, [ours, ours.Next(Guid.NewGuid(), 1)], 1);
    }

    // A mirrored write that the secondary does not answer: its acknowledgement is what the loss holds.
    private static async Task<Task> WriteAsync(TestPair pair)
    {
        pair.SecondaryFaults.Add("node=disk0 op=write nth=1 break=held");
        Task write = pair.Guest().WriteAsync(0, new byte[4096]).AsTask();
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        return write;
    }

    private Task UntilAsync(Func<bool> condition, TimeSpan step) => Eventually.TrueAsync(() =>
    {
        if (condition())
            return true;
        _time.Advance(step);
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
