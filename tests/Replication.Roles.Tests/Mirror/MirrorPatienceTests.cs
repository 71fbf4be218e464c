using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>
/// No hostage, once: what a request waits for room and what it is kept share one deadline, and so do
/// the requests of a guest that follow each other in one outage.
/// </summary>
public sealed class MirrorPatienceTests
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    private static readonly MirrorSessionOptions s_local = new() { Acknowledge = Acknowledge.Local, WindowBytes = 64 * KiB };
    private static readonly MirrorSessionOptions s_applied = new() { WindowBytes = 64 * KiB };

    [Fact]
    public async Task A_write_that_finds_no_room_while_replies_come_is_left_to_the_background_copy()
    {
        await using var f = await MarkFixture.AttachedAsync(s_local);
        await f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        Task waits = f.Mirror.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        await RepliesForAsync(f.Mirror, Deadline - 50);
        Assert.False(waits.IsCompleted);
        await RepliesForAsync(f.Mirror, 50);
        await waits.WaitAsync(TestTimeouts.Patience);
        Assert.Empty(f.Mirror.Observer.Losses);
        await BlockAssert.FilledAsync(f.Mirror.LocalDisk, new BlockRange(MiB, 60 * KiB), 2);
        Assert.Equal(60 * KiB, f.Marks.NeedsCopyBytes);
        Assert.Single(f.Mirror.Held.Pending);
        await CopiedAsync(f);
        Assert.Empty(f.Mirror.Observer.Losses);
    }

    [Fact]
    public async Task Once_a_flush_has_waited_in_vain_the_next_write_does_not_wait_before_the_peer_answers_one()
    {
        await using MirrorFixture f = await MirrorFixture.AttachedAsync();
        Task flush = f.Quorum.FlushAsync().AsTask();
        f.Advance(Deadline);
        Assert.True(flush.IsCompletedSuccessfully);
        Assert.True(f.Quorum.WriteAsync(0, Data(4 * KiB, 1)).IsCompletedSuccessfully);
        await f.Held.Pending[^1].ReleaseAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4 * KiB, 2)).AsTask();
        Assert.False(write.IsCompleted);
        await f.ReleaseAllAsync();
        await write;
        Assert.Empty(f.Observer.Losses);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task Writes_that_wait_for_room_each_wait_for_one_deadline_of_their_own()
    {
        await using var f = await MarkFixture.AttachedAsync(s_local);
        await f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        Task first = f.Mirror.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        await RepliesForAsync(f.Mirror, 200);
        Task second = f.Mirror.Quorum.WriteAsync(2 * MiB, Data(60 * KiB, 3)).AsTask();
        await RepliesForAsync(f.Mirror, 300);
        await first.WaitAsync(TestTimeouts.Patience);
        await RepliesForAsync(f.Mirror, 150);
        Assert.False(second.IsCompleted);
        await RepliesForAsync(f.Mirror, 50);
        await second.WaitAsync(TestTimeouts.Patience);
        await CopiedAsync(f);
    }

    [Fact]
    public async Task Once_a_write_has_waited_for_room_in_vain_the_next_does_not_wait_before_there_is_room()
    {
        await using var f = await MarkFixture.AttachedAsync(s_local);
        await f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        Task waits = f.Mirror.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        f.Mirror.Advance(100);
        await RepliesForAsync(f.Mirror, 50);
        f.Mirror.Advance(Deadline - 150);
        await waits.WaitAsync(TestTimeouts.Patience);
        Assert.True(f.Mirror.Quorum.WriteAsync(2 * MiB, Data(60 * KiB, 3)).IsCompletedSuccessfully);
        Assert.Equal(120 * KiB, f.Marks.NeedsCopyBytes);
        // What is answered is a copy, which took no room.
        await RepliesForAsync(f.Mirror, 0);
        Assert.True(f.Mirror.Quorum.WriteAsync(3 * MiB, Data(60 * KiB, 4)).IsCompletedSuccessfully);
        Assert.Equal(180 * KiB, f.Marks.NeedsCopyBytes);
        await f.Mirror.ReleaseAllAsync();
        await f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 5)).AsTask().WaitAsync(TestTimeouts.Patience);
        Task again = f.Mirror.Quorum.WriteAsync(4 * MiB, Data(60 * KiB, 6)).AsTask();
        Assert.False(again.IsCompleted);
        await f.Mirror.ReleaseAllAsync();
        await again.WaitAsync(TestTimeouts.Patience);
        await CopiedAsync(f);
    }

    [Fact]
    public async Task A_newer_write_that_finds_room_is_not_overtaken_by_the_older_one_that_found_none()
    {
        await using var f = await MarkFixture.AttachedAsync(s_local);
        await f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        Task older = f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 2)).AsTask();
        await RepliesForAsync(f.Mirror, Deadline);
        await older.WaitAsync(TestTimeouts.Patience);
        // Room for a small one, in the middle of both.
        await f.Mirror.Quorum.WriteAsync(8 * KiB, Data(4 * KiB, 3));
        Assert.Equal(56 * KiB, f.Marks.NeedsCopyBytes);
        await CopiedAsync(f);
        await BlockAssert.FilledAsync(f.Mirror.PeerDisk, new BlockRange(8 * KiB, 4 * KiB), 3);
    }

    [Fact]
    public async Task Without_marks_a_write_that_finds_no_room_ends_the_session()
    {
        await using var f = await AttachedAsync(s_local);
        await f.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        Task waits = f.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        await RepliesForAsync(f, Deadline);
        await waits.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(MirrorLossCause.LocalFailed, Assert.Single(f.Observer.Losses).Cause);
        await BlockAssert.FilledAsync(f.LocalDisk, new BlockRange(MiB, 60 * KiB), 2);
    }

    [Fact]
    public async Task What_a_write_has_waited_for_room_counts_towards_the_time_it_is_kept()
    {
        await using var f = await MarkFixture.AttachedAsync(s_applied);
        Task first = f.Mirror.Quorum.WriteAsync(0, Data(60 * KiB, 1)).AsTask();
        Task second = f.Mirror.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        f.Mirror.Advance(300);
        await f.Mirror.Held.Pending[0].ReleaseAsync();
        Assert.True(first.IsCompletedSuccessfully);
        Assert.Single(f.Mirror.Held.Pending);
        // One that came later and found room is kept for a deadline of its own.
        Task third = f.Mirror.Quorum.WriteAsync(2 * MiB, Data(4 * KiB, 3)).AsTask();
        f.Mirror.Advance(Deadline - 350);
        Assert.False(second.IsCompleted);
        f.Mirror.Advance(50);
        Assert.True(second.IsCompletedSuccessfully);
        Assert.False(third.IsCompleted);
        Assert.Empty(f.Mirror.Observer.Losses);
        Assert.Equal(0, f.Marks.NeedsCopyBytes);
        await f.Mirror.ReleaseAllAsync();
        Assert.True(third.IsCompletedSuccessfully);
        await f.Mirror.AssertSameAsync();
    }

    [Fact]
    public async Task A_request_that_follows_one_that_was_kept_in_vain_waits_for_nothing_in_the_same_silence()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(300);
        await RepliesForAsync(f, 0);
        Task late = f.Quorum.WriteAsync(MiB, Data(4096, 2)).AsTask();
        f.Advance(Deadline - 350);
        Assert.False(kept.IsCompleted);
        f.Advance(50);
        Assert.True(kept.IsCompletedSuccessfully);
        Assert.Empty(f.Observer.Losses);
        Assert.True(f.Quorum.WriteAsync(8192, Data(4096, 3)).IsCompletedSuccessfully);
        Assert.True(f.Quorum.FlushAsync().IsCompletedSuccessfully);
        // Whoever waited already goes on with the session's end, at one deadline of silence.
        Assert.False(late.IsCompleted);
        f.Advance(250);
        Assert.False(late.IsCompleted);
        f.Advance(50);
        Assert.True(late.IsCompletedSuccessfully);
        Assert.Equal(MirrorLossCause.Silent, Assert.Single(f.Observer.Losses).Cause);
    }

    [Fact]
    public async Task The_next_reply_lets_requests_be_kept_again()
    {
        await using var f = await AttachedAsync();
        Task kept = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(300);
        await RepliesForAsync(f, 0);
        f.Advance(Deadline - 300);
        Assert.True(kept.IsCompletedSuccessfully);
        await RepliesForAsync(f, 0);
        Task next = f.Quorum.WriteAsync(8192, Data(4096, 3)).AsTask();
        Assert.False(next.IsCompleted);
        await f.ReleaseAllAsync();
        Assert.True(next.IsCompletedSuccessfully);
        Assert.Empty(f.Observer.Losses);
    }

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task A_connection_that_dies_after_a_silence_has_that_much_less_of_the_deadline_left(Acknowledge acknowledge)
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Acknowledge = acknowledge });
        TimeSpan borne = default;
        f.Observer.WhenLost = () => borne = f.Session.Borne;
        f.Advance(5000);
        Assert.Equal(TimeSpan.Zero, f.Session.Borne);
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(400);
        f.Connection.Die("reset");
        Assert.Equal(TimeSpan.FromMilliseconds(400), borne);
        await write;
    }

    [Fact]
    public async Task A_request_that_is_kept_while_replies_come_has_used_its_deadline_when_the_connection_dies()
    {
        await using var f = await AttachedAsync();
        TimeSpan borne = default;
        f.Observer.WhenLost = () => borne = f.Session.Borne;
        Task kept = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        f.Advance(300);
        await RepliesForAsync(f, 0);
        f.Advance(100);
        f.Connection.Die("reset");
        Assert.Equal(TimeSpan.FromMilliseconds(400), borne);
        Assert.True(kept.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_request_that_waits_for_room_has_used_its_deadline_when_the_connection_dies()
    {
        await using var f = await AttachedAsync(s_local);
        TimeSpan borne = default;
        f.Observer.WhenLost = () => borne = f.Session.Borne;
        await f.Quorum.WriteAsync(0, Data(60 * KiB, 1));
        f.Advance(100);
        await RepliesForAsync(f, 0);
        Task waits = f.Quorum.WriteAsync(MiB, Data(60 * KiB, 2)).AsTask();
        await RepliesForAsync(f, 300);
        f.Connection.Die("reset");
        Assert.Equal(TimeSpan.FromMilliseconds(300), borne);
        await waits.WaitAsync(TestTimeouts.Patience);
    }

    // Time passes while the peer answers something small that overtakes nothing.
    private static async Task RepliesForAsync(MirrorFixture f, int milliseconds)
    {
        for (int passed = 0; passed <= milliseconds; passed += 50)
        {
            Task copy = f.Link.CopyAsync(12 * MiB, Data(512, 1)).AsTask();
            await f.Held.Pending[^1].ReleaseAsync();
            await copy;
            if (passed < milliseconds)
                f.Advance(Math.Min(50, milliseconds - passed));
        }
    }

    private static async Task CopiedAsync(MarkFixture f)
    {
        await f.Mirror.LocalDisk.FillAsync(new BlockRange(12 * MiB, 512), 1);
        Task running = f.Copier.RunAsync();
        while (f.Marks.NeedsCopyBytes > 0 || f.Mirror.Session.UnansweredForwards > 0)
        {
            await f.Mirror.ReleaseAllAsync();
            await Task.Yield();
        }

        await f.Mirror.AssertSameAsync();
        f.Copier.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }
}
