using Replication.Roles.Primary;
using Replication.Testing;

namespace Replication.Roles.Tests.Primary;

public sealed class CopyPaceTests
{
    [Fact]
    public async Task Copies_take_as_long_as_the_rate_says()
    {
        var time = new FakeTimeProvider();
        var pace = new CopyPace(time, 1 << 20);
        await pace.TakeAsync(1 << 20, () => { }, default);
        Task second = pace.TakeAsync(1 << 19, () => { }, default).AsTask();
        for (int i = 0; i < 9; i++)
            time.Advance(Limits.PaceStep);
        Assert.False(second.IsCompleted);
        time.Advance(Limits.PaceStep);
        await second.WaitAsync(TestTimeouts.Patience);
        Task third = pace.TakeAsync(1, () => { }, default).AsTask();
        Assert.False(third.IsCompleted);
        for (int i = 0; i < 5; i++)
            time.Advance(Limits.PaceStep);
        await third.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public void Without_a_rate_nothing_waits()
    {
        var pace = new CopyPace(new FakeTimeProvider(), 0);
        for (int i = 0; i < 100; i++)
            Assert.True(pace.TakeAsync(1L << 40, () => { }, default).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_waits_notices_that_it_is_not_wanted_any_more()
    {
        var time = new FakeTimeProvider();
        var pace = new CopyPace(time, 1);
        await pace.TakeAsync(1 << 20, () => { }, default);
        Task waiting = pace.TakeAsync(1, () => throw new InvalidOperationException("lost"), default).AsTask();
        time.Advance(Limits.PaceStep);
        Assert.Equal("lost", (await Assert.ThrowsAsync<InvalidOperationException>(() => waiting.WaitAsync(TestTimeouts.Patience))).Message);
    }
}
