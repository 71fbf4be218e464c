using System.Runtime.CompilerServices;
using Replication.Block.Locks;
using Replication.Testing;

namespace Replication.Block.Tests.Locks;

public sealed class RangeLockTests
{
    private readonly RangeLock _lock = new();

    [Fact]
    public void Ranges_that_do_not_overlap_are_granted_at_once()
    {
        Assert.True(_lock.AcquireAsync(new BlockRange(0, 10)).IsCompletedSuccessfully);
        Assert.True(_lock.AcquireAsync(new BlockRange(10, 10)).IsCompletedSuccessfully);
        Assert.Equal(2, _lock.Count);
    }

    [Fact]
    public async Task Overlapping_ranges_are_granted_in_order_of_arrival()
    {
        RangeLock.Ticket first = await _lock.AcquireAsync(new BlockRange(0, 10));
        Task<RangeLock.Ticket> second = _lock.AcquireAsync(new BlockRange(5, 10)).AsTask();
        // Overlaps only the second, which waits: it must not overtake it.
        Task<RangeLock.Ticket> third = _lock.AcquireAsync(new BlockRange(12, 10)).AsTask();
        Assert.False(second.IsCompleted);
        Assert.False(third.IsCompleted);
        _lock.Release(first);
        Assert.True(second.IsCompletedSuccessfully);
        Assert.False(third.IsCompleted);
        _lock.Release(await second);
        _lock.Release(await third);
        Assert.Equal(0, _lock.Count);
    }

    [Fact]
    public async Task Shared_locks_meet_exclusive_ones_alone_and_nobody_overtakes()
    {
        var range = new BlockRange(0, 10);
        RangeLock.Ticket[] readers = [await _lock.AcquireSharedAsync(range), await _lock.AcquireSharedAsync(range)];
        Task<RangeLock.Ticket> writer = _lock.AcquireAsync(range).AsTask();
        Task<RangeLock.Ticket>[] late = [_lock.AcquireSharedAsync(range).AsTask(), _lock.AcquireSharedAsync(range).AsTask()];
        _lock.Release(readers[1]);
        Assert.False(writer.IsCompleted);
        _lock.Release(readers[0]);
        Assert.True(writer.IsCompletedSuccessfully);
        Assert.All(late, reader => Assert.False(reader.IsCompleted));
        _lock.Release(await writer);
        Assert.All(late, reader => Assert.True(reader.IsCompletedSuccessfully));
        Task watched = _lock.WaitForOverlappingAsync(range).AsTask();
        _lock.Release(await late[0]);
        Assert.False(watched.IsCompleted);
        _lock.Release(await late[1]);
        Assert.True(watched.IsCompletedSuccessfully);
        Assert.Equal(0, _lock.Count);
    }

    [Fact]
    public async Task Waiters_run_when_the_batch_ends_and_not_inside_the_release()
    {
        RangeLock.Ticket first = await _lock.AcquireAsync(new BlockRange(0, 1));
        var resumed = new StrongBox<bool>();
        Task second = Take();
        using (IoBatch.Enter())
        {
            _lock.Release(first);
            Assert.False(resumed.Value);
        }

        Assert.True(resumed.Value);
        await second;

        async Task Take()
        {
            RangeLock.Ticket ticket = await _lock.AcquireAsync(new BlockRange(0, 1));
            resumed.Value = true;
            _lock.Release(ticket);
        }
    }

    [Fact]
    public async Task Waiting_for_overlapping_locks_waits_for_holders_and_waiters_and_delays_nobody()
    {
        Assert.True(_lock.WaitForOverlappingAsync(new BlockRange(0, 100)).IsCompletedSuccessfully);
        RangeLock.Ticket first = await _lock.AcquireAsync(new BlockRange(0, 10));
        Task<RangeLock.Ticket> second = _lock.AcquireAsync(new BlockRange(0, 10)).AsTask();
        Task watcher = _lock.WaitForOverlappingAsync(new BlockRange(5, 100)).AsTask();
        Assert.True(_lock.AcquireAsync(new BlockRange(50, 10)).IsCompletedSuccessfully);
        _lock.Release(first);
        Assert.False(watcher.IsCompleted);
        _lock.Release(await second);
        await watcher.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Uncontended_locks_allocate_nothing()
    {
        _lock.Release(await _lock.AcquireAsync(new BlockRange(0, 10)));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _lock.Release(await _lock.AcquireAsync(new BlockRange(i, 10)));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Threads_never_hold_overlapping_ranges_together()
    {
        const int Cells = 64;
        int[] owners = new int[Cells];
        int seed = DeterministicRandom.Create().Next();
        await Task.WhenAll(Enumerable.Range(1, 4).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed + worker);
            for (int i = 0; i < 20_000; i++)
            {
                int from = random.Next(Cells);
                int length = random.Next(1, Math.Min(8, Cells - from) + 1);
                RangeLock.Ticket ticket = await _lock.AcquireAsync(new BlockRange(from, length));
                for (int cell = from; cell < from + length; cell++)
                    Assert.Equal(0, Interlocked.Exchange(ref owners[cell], worker));
                for (int cell = from; cell < from + length; cell++)
                    Assert.Equal(worker, Interlocked.Exchange(ref owners[cell], 0));
                _lock.Release(ticket);
            }
        }))).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(0, _lock.Count);
    }
}
