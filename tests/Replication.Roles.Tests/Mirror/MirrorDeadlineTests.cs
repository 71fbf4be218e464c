using Replication.Block;
using Replication.Block.Quorums;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>No hostage, in virtual time.</summary>
public sealed class MirrorDeadlineTests
{
    [Fact]
    public async Task A_silent_peer_delays_one_write_by_one_deadline_and_the_next_not_at_all()
    {
        await using var f = await AttachedAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(Deadline - 50);
        Assert.False(write.IsCompleted);
        Assert.Empty(f.Observer.Losses);
        f.Advance(50);
        Assert.True(write.IsCompletedSuccessfully);
        MirrorLoss loss = Assert.Single(f.Observer.Losses);
        Assert.Equal((MirrorLossCause.Silent, "silent"), (loss.Cause, loss.CauseText));
        Assert.NotNull(f.Connection.Aborted);
        Assert.True(f.Quorum.WriteAsync(4096, Data(4096, 2)).IsCompletedSuccessfully);
        Assert.True(f.Quorum.FlushAsync().IsCompletedSuccessfully);
        await f.Quorum.RemoveChildAsync(f.Link.Name);
        Assert.True(f.Quorum.WriteAsync(4096, Data(4096, 3)).IsCompletedSuccessfully);
        await BlockAssert.FilledAsync(f.LocalDisk, new BlockRange(4096, 4096), 3);
        Assert.Empty(f.ForwardFailures);
    }

    [Fact]
    public async Task The_role_is_warned_at_half_the_deadline_once()
    {
        await using var f = await AttachedAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance((Deadline / 2) - 25);
        Assert.Equal(0, f.Observer.Suspicions);
        f.Advance(25);
        Assert.Equal(1, f.Observer.Suspicions);
        f.Advance(100);
        Assert.Equal(1, f.Observer.Suspicions);
        await f.ReleaseAllAsync();
        await write;
        f.Advance(2000);
        Assert.Empty(f.Observer.Losses);
    }

    [Fact]
    public async Task A_peer_that_owes_nothing_may_be_silent_for_ever()
    {
        await using var f = await AttachedAsync();
        f.Advance(100_000);
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(Deadline - 50);
        Assert.Empty(f.Observer.Losses);
        await f.ReleaseAllAsync();
        await write;
    }

    [Fact]
    public async Task A_write_that_is_kept_while_replies_come_is_released_and_its_forward_goes_on()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        for (int i = 0; i < 5; i++)
        {
            Assert.False(kept.IsCompleted);
            Task other = f.Quorum.WriteAsync(8192, Data(512, (byte)i)).AsTask();
            await f.Held.Pending[^1].ReleaseAsync();
            await other;
            f.Advance(Deadline / 5);
        }

        Assert.True(kept.IsCompletedSuccessfully);
        Assert.Empty(f.Observer.Losses);
        Assert.Equal(1, f.Session.UnansweredForwards);
        Task behind = f.Quorum.WriteAsync(100, Data(100, 7)).AsTask();
        Assert.Single(f.Held.Pending);
        await f.ReleaseAllAsync();
        await behind;
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task Who_overlaps_a_write_that_was_released_does_not_wait_for_its_answer_again()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(4096, Data(4096, 1)).AsTask();
        DeferredRequest hung = f.Held.Pending[0];
        Task entered = f.Quorum.WriteAsync(2048, Data(4096, 2)).AsTask();
        await OtherRepliesForAsync(f, Deadline - 50);
        Assert.False(kept.IsCompleted || entered.IsCompleted);
        await OtherRepliesForAsync(f, 50);
        Assert.True(kept.IsCompletedSuccessfully && entered.IsCompletedSuccessfully);
        await OtherRepliesForAsync(f, 0);
        Assert.True(f.Quorum.WriteAsync(8000, Data(512, 3)).IsCompletedSuccessfully);
        // One that overlaps only those that did not wait for it.
        Assert.True(f.Quorum.WriteAsync(2048, Data(512, 4)).IsCompletedSuccessfully);
        Task elsewhere = f.Quorum.WriteAsync(65536, Data(512, 5)).AsTask();
        Assert.False(elsewhere.IsCompleted);
        Assert.Empty(f.Observer.Losses);
        await hung.ReleaseAsync();
        await f.ReleaseAllAsync();
        await elsewhere;
        Task again = f.Quorum.WriteAsync(4096, Data(512, 6)).AsTask();
        Assert.False(again.IsCompleted);
        await f.ReleaseAllAsync();
        await again;
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task Who_waits_behind_a_write_that_is_released_goes_on_with_it()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(4096, Data(4096, 1)).AsTask();
        await OtherRepliesForAsync(f, Deadline - 100);
        Task behind = f.Quorum.WriteAsync(2048, Data(4096, 2)).AsTask();
        Task behindThat = f.Quorum.WriteAsync(1024, Data(2048, 3)).AsTask();
        await OtherRepliesForAsync(f, 50);
        Assert.False(kept.IsCompleted || behind.IsCompleted || behindThat.IsCompleted);
        await OtherRepliesForAsync(f, 50);
        Assert.True(kept.IsCompletedSuccessfully && behind.IsCompletedSuccessfully && behindThat.IsCompletedSuccessfully);
        await f.ReleaseAllAsync();
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task A_write_that_the_peer_never_answers_ends_the_session_after_thirty_seconds_although_later_ones_are_answered()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        await OtherRepliesForAsync(f, 29_950);
        Assert.True(kept.IsCompletedSuccessfully);
        Assert.Empty(f.Observer.Losses);
        f.Advance(50);
        MirrorLoss loss = Assert.Single(f.Observer.Losses);
        Assert.Equal(("write-unanswered", Errno.ETIMEDOUT), (loss.CauseText, loss.ReportedErrno));
    }

    [Fact]
    public async Task The_answer_to_a_flush_is_no_answer_to_a_write()
    {
        await using var f = await AttachedAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        for (int passed = 0; passed < Deadline; passed += 50)
        {
            Assert.False(write.IsCompleted);
            Task flush = f.Quorum.FlushAsync().AsTask();
            await f.Held.Pending[^1].ReleaseAsync();
            await flush;
            f.Advance(50);
        }

        Assert.True(write.IsCompletedSuccessfully);
        Assert.Equal(MirrorLossCause.Silent, Assert.Single(f.Observer.Losses).Cause);
    }

    [Fact]
    public async Task A_process_that_was_stopped_does_not_count_its_own_sleep()
    {
        await using var f = await AttachedAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Time.Jump(TimeSpan.FromMinutes(10));
        Assert.Empty(f.Observer.Losses);
        f.Advance(Deadline / 2);
        Assert.Empty(f.Observer.Losses);
        await f.ReleaseAllAsync();
        await write;
    }

    [Fact]
    public async Task A_flush_keeps_the_guest_for_one_deadline_and_the_session_for_thirty_seconds()
    {
        await using var f = await AttachedAsync();
        await f.Quorum.WriteAsync(0, Data(512, 1)).AsTask().WithReleaseOf(f);
        Task flush = f.Quorum.FlushAsync().AsTask();
        f.Advance(Deadline - 50);
        Assert.False(flush.IsCompleted);
        f.Advance(50);
        Assert.True(flush.IsCompletedSuccessfully);
        f.Advance(29_000);
        Assert.Empty(f.Observer.Losses);
        f.Advance(1000);
        Assert.Equal(MirrorLossCause.FlushUnanswered, Assert.Single(f.Observer.Losses).Cause);
    }

    [Fact]
    public async Task A_flush_that_the_peer_answers_in_time_is_forwarded()
    {
        await using var f = await AttachedAsync();
        Task flush = f.Quorum.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);
        await f.ReleaseAllAsync();
        Assert.True(flush.IsCompletedSuccessfully);
        Assert.Equal(1, f.PeerDisk.Counts[BlockOperation.Flush]);
        Assert.Equal(0ul, f.Session.AnsweredWrites);
        f.Advance(60_000);
        Assert.Empty(f.Observer.Losses);
    }

    [Fact]
    public async Task A_lost_connection_releases_writes_at_once_and_the_first_reason_stays()
    {
        await using var f = await AttachedAsync();
        Task[] writes = [.. Enumerable.Range(0, 10).Select(i => f.Quorum.WriteAsync(i * 4096, Data(4096, 1)).AsTask())];
        f.Connection.Die("connection reset");
        Assert.All(writes, write => Assert.True(write.IsCompletedSuccessfully));
        f.Session.Lose(new MirrorLoss(MirrorLossCause.Silent, "later"));
        Assert.Equal("connection reset", Assert.Single(f.Observer.Losses).Message);
        Assert.Equal("connection reset", f.Session.Loss!.Message);
        Assert.Equal(0ul, f.Session.AnsweredWrites);
        Assert.Equal(DrainResult.Lost, await f.Session.DrainAsync(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task No_write_is_acknowledged_before_the_role_has_heard_of_the_loss_and_let_it()
    {
        await using var f = await AttachedAsync();
        AdmissionHold? hold = null;
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Observer.WhenLost = () =>
        {
            Assert.False(write.IsCompleted);
            hold = f.Admission.Hold(GuestHold.WritesAndAcknowledgements);
        };
        f.Connection.Die("gone");
        Task next = f.Quorum.WriteAsync(4096, Data(4096, 2)).AsTask();
        Assert.False(write.IsCompleted || next.IsCompleted);
        hold!.Release();
        Assert.True(write.IsCompletedSuccessfully && next.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_fenced_primary_fails_the_writes_that_it_had_not_acknowledged()
    {
        await using var f = await AttachedAsync();
        f.Observer.WhenLost = () => f.Admission.RefuseWrites("fenced by generation 2");
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Connection.Die("gone");
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Equal((BlockErrorKind.Stage, Errno.EIO), (error.Kind, error.Errno));
        Assert.Contains("fenced by generation 2", error.Message, StringComparison.Ordinal);
        await f.Quorum.ReadAsync(0, new byte[512]);
    }

    [Fact]
    public async Task A_drain_that_takes_too_long_is_given_up()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        await f.Quorum.WriteAsync(0, Data(512, 1));
        Task<DrainResult> drain = f.Session.DrainAsync(TimeSpan.FromMilliseconds(100));
        f.Advance(100);
        Assert.Equal(DrainResult.TimedOut, await drain);
        await f.ReleaseAllAsync();
        Assert.Equal(DrainResult.Drained, await f.Session.DrainAsync(TimeSpan.FromMilliseconds(100)));
    }

    [Fact]
    public async Task An_ended_session_tells_nobody_and_sends_nothing_more()
    {
        await using var f = await AttachedAsync();
        f.Session.End();
        Assert.True(f.Quorum.WriteAsync(0, Data(512, 1)).IsCompletedSuccessfully);
        Assert.Empty(f.Observer.Losses);
        Assert.Empty(f.Held.Pending);
        Assert.Equal(0, f.PeerDisk.Counts.Total);
    }

    [Fact]
    public async Task What_waits_for_its_turn_is_never_sent_once_the_session_is_over()
    {
        await using var f = await AttachedAsync();
        Task first = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        Task second = f.Quorum.WriteAsync(0, Data(4096, 2)).AsTask();
        Task large = f.Quorum.WriteAsync(0, Data(5 << 20, 3)).AsTask();
        f.Connection.Die("gone");
        await Task.WhenAll(first, second, large);
        Assert.Equal(0, f.PeerDisk.Counts.Total);
        await BlockAssert.FilledAsync(f.LocalDisk, new BlockRange(0, 5 << 20), 3);
    }

    // Time passes while the peer answers writes elsewhere.
    private static async Task OtherRepliesForAsync(MirrorFixture f, int milliseconds)
    {
        for (int passed = 0; passed <= milliseconds; passed += 50)
        {
            Task other = f.Quorum.WriteAsync(1 << 20, Data(512, 9)).AsTask();
            await f.Held.Pending[^1].ReleaseAsync();
            await other;
            if (passed < milliseconds)
                f.Advance(50);
        }
    }
}
