namespace Replication.Roles.Tests.Stages;

public sealed class AsyncMutexTests
{
    [Fact]
    public async Task Holders_follow_in_order_of_arrival()
    {
        var mutex = new AsyncMutex();
        AsyncMutex.Holder first = await mutex.EnterAsync();
        Task<AsyncMutex.Holder> second = mutex.EnterAsync();
        Task<AsyncMutex.Holder> third = mutex.EnterAsync();
        Assert.False(second.IsCompleted);
        first.Dispose();
        Assert.True(second.IsCompleted);
        Assert.False(third.IsCompleted);
        (await second).Dispose();
        (await third).Dispose();
        Assert.True(mutex.EnterAsync().IsCompleted);
    }

    [Fact]
    public async Task Disposing_twice_releases_once()
    {
        var mutex = new AsyncMutex();
        AsyncMutex.Holder first = await mutex.EnterAsync();
        first.Dispose();
        using AsyncMutex.Holder second = await mutex.EnterAsync();
        first.Dispose();
        Assert.False(mutex.EnterAsync().IsCompleted);
    }
}
