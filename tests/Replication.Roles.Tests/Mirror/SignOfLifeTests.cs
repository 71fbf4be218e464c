using Replication.Block;
using Replication.Block.Faults;
using Replication.Roles.Mirror;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>A peer that owes only what may take long: a slow one is waited for, and one that is gone is not.</summary>
public sealed class SignOfLifeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_peer_that_owes_a_flush_or_an_answer_and_gives_no_sign_of_life_is_given_up_within_seconds(bool question)
    {
        var faults = new FaultInjector(TimeProvider.System);
        await using var f = await AttachedAsync(peer: faults.Decorate);
        faults.Add($"node=peer op={(question ? "status" : "flush")} break=held");
        int asked = 0;
        f.Observer.WhenUnheard = session =>
        {
            asked++;
            session.GiveUpUnheard();
        };
        Task owed = question ? f.Link.StatusAsync(new BlockRange(0, 4096)).AsTask() : f.Quorum.FlushAsync().AsTask();
        f.Advance((int)MirrorLimits.UnheardFor.TotalMilliseconds - 25);
        Assert.Empty(f.Observer.Losses);
        f.Advance(25);
        Assert.Equal(1, asked);
        MirrorLoss loss = Assert.Single(f.Observer.Losses);
        Assert.Equal(("silent", Errno.ETIMEDOUT), (loss.CauseText, loss.ReportedErrno));
        Assert.Contains("the link", loss.Message, StringComparison.Ordinal);
        // The test's peer is no connection whose end would fail what it holds.
        faults.Breakpoint("held").Release();
        await owed;
    }

    [Fact]
    public async Task A_peer_that_gives_signs_of_life_is_asked_for_one_now_and_then_and_has_thirty_seconds_for_a_flush()
    {
        await using var f = await AttachedAsync();
        int asked = 0;
        f.Observer.WhenUnheard = session =>
        {
            asked++;
            session.HeardElsewhere();
            session.GiveUpUnheard();
        };
        Task flush = f.Quorum.FlushAsync().AsTask();
        f.Advance(29_900);
        Assert.Empty(f.Observer.Losses);
        Assert.InRange(asked, 10, 15);
        f.Advance(150);
        Assert.Equal(MirrorLossCause.FlushUnanswered, Assert.Single(f.Observer.Losses).Cause);
        Assert.True(flush.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_peer_is_not_asked_for_a_sign_of_life_while_it_answers_writes()
    {
        await using var f = await AttachedAsync();
        int asked = 0;
        f.Observer.WhenUnheard = _ => asked++;
        Task flush = f.Quorum.FlushAsync().AsTask();
        for (int passed = 0; passed < 10_000; passed += 500)
        {
            Task write = f.Quorum.WriteAsync(0, Data(512, 1)).AsTask();
            await f.Held.Pending[^1].ReleaseAsync();
            await write;
            f.Advance(500);
        }

        Assert.Equal(0, asked);
        await f.ReleaseAllAsync();
        await flush;
    }

    [Fact]
    public async Task A_deadline_that_bears_longer_silence_bears_it_of_a_flush_too()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Deadline = TimeSpan.FromSeconds(8) });
        f.Observer.WhenUnheard = session => session.GiveUpUnheard();
        Task<bool> flush = f.Link.FlushPeerAsync();
        f.Advance(7_500);
        Assert.Empty(f.Observer.Losses);
        f.Advance(1_000);
        Assert.Equal(MirrorLossCause.Silent, Assert.Single(f.Observer.Losses).Cause);
        await f.ReleaseAllAsync();
        Assert.False(await flush);
    }

    [Fact]
    public async Task An_answer_that_comes_while_the_peer_is_asked_keeps_the_session()
    {
        await using var f = await AttachedAsync();
        f.Observer.WhenUnheard = _ => { };
        Task flush = f.Quorum.FlushAsync().AsTask();
        f.Advance(5_000);
        await f.ReleaseAllAsync();
        await flush;
        f.Session.GiveUpUnheard();
        Assert.Empty(f.Observer.Losses);
    }
}
