using Replication.Roles.Primary;
using Replication.Testing;

namespace Replication.Roles.Tests.Primary;

public sealed class CopyPaceTests : IDisposable
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _end = new();

    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }

    [Fact]
    public async Task Copies_take_as_long_as_the_rate_says()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 1 << 20);
        await pace.TakeAsync(1 << 20, false, () => { });
        Task second = pace.TakeAsync(1 << 19, false, () => { }).AsTask();
        for (int i = 0; i < 9; i++)
            time.Advance(s_step);
        Assert.False(second.IsCompleted);
        time.Advance(s_step);
        await second.WaitAsync(TestTimeouts.Patience);
        Task third = pace.TakeAsync(1, false, () => { }).AsTask();
        Assert.False(third.IsCompleted);
        for (int i = 0; i < 5; i++)
            time.Advance(s_step);
        await third.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_rest_of_less_than_a_millisecond_is_waited_for_and_not_spun_away()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 10_000_000);
        await pace.TakeAsync(5_000, false, () => { });
        int looks = 0;
        Task second = pace.TakeAsync(1, false, () => looks++).AsTask();
        Assert.Equal(0, looks);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await second.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(1, looks);
    }

    [Fact]
    public void Without_a_rate_nothing_waits()
    {
        CopyPace pace = Pace(new FakeTimeProvider(), 0);
        for (int i = 0; i < 100; i++)
            Assert.True(pace.TakeAsync(1L << 40, false, () => { }).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_waits_notices_that_it_is_not_wanted_any_more()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 1);
        await pace.TakeAsync(1 << 20, false, () => { });
        Task waiting = pace.TakeAsync(1, false, () => throw new InvalidOperationException("lost")).AsTask();
        time.Advance(s_step);
        Assert.Equal("lost", (await Assert.ThrowsAsync<InvalidOperationException>(() => waiting.WaitAsync(TestTimeouts.Patience))).Message);
    }

    [Fact]
    public async Task Beside_a_guest_a_copy_is_followed_by_a_rest_as_long_as_it_took()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 0);
        await pace.TakeAsync(1, true, () => { });
        time.Advance(TimeSpan.FromMilliseconds(7));
        Task second = pace.TakeAsync(1, true, () => { }).AsTask();
        time.Advance(TimeSpan.FromMilliseconds(6));
        Assert.False(second.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await second.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_copy_that_waited_for_the_peer_is_followed_by_no_long_rest()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 0);
        await pace.TakeAsync(1, true, () => { });
        time.Advance(TimeSpan.FromSeconds(3));
        Task second = pace.TakeAsync(1, true, () => { }).AsTask();
        Assert.False(second.IsCompleted);
        time.Advance(Limits.LongestGuestRest);
        await second.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task The_rate_holds_beside_a_guest_too_and_the_longer_wait_counts()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 1_000);
        await pace.TakeAsync(20, true, () => { });
        time.Advance(TimeSpan.FromMilliseconds(5));
        Task second = pace.TakeAsync(1, true, () => { }).AsTask();
        time.Advance(TimeSpan.FromMilliseconds(14));
        Assert.False(second.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await second.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_guest_that_has_ended_is_rested_for_no_more_and_one_that_begins_owes_nothing()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 0);
        await pace.TakeAsync(1, true, () => { });
        time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.True(pace.TakeAsync(1, false, () => { }).IsCompletedSuccessfully);
        time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.True(pace.TakeAsync(1, true, () => { }).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_sync_that_is_interrupted_rests_no_longer()
    {
        var time = new FakeTimeProvider();
        CopyPace pace = Pace(time, 0);
        await pace.TakeAsync(1, true, () => { });
        time.Advance(TimeSpan.FromMilliseconds(50));
        Task second = pace.TakeAsync(1, true, () => { }).AsTask();
        _end.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(TestTimeouts.Patience));
    }

    private CopyPace Pace(TimeProvider time, long speed) => new(time, HeldWork.Begin(time, speed, _end.Token));
}
