using Replication.Testing;

namespace Replication.Block.Tests.Io;

/// <summary>A failed writeback is told once, to one of the flushes that are under way.</summary>
public sealed class DiskFlushTests
{
    private readonly Queue<TaskCompletionSource> _begun = new();
    private readonly List<BlockException> _failures = [];
    private readonly HookNode _disk;
    private readonly DiskFlush _flush;

    public DiskFlushTests()
    {
        _disk = new HookNode(new MemoryNode(4096, "disk0")) { Before = (_, _) => BeginAsync() };
        _flush = new DiskFlush(_disk) { Failed = _failures.Add };
    }

    [Fact]
    public async Task There_is_never_a_second_flush_beside_one_that_is_under_way()
    {
        Task first = _flush.FlushAsync();
        Task guest = _flush.FlushForGuestAsync().AsTask();
        Task other = _flush.FlushThroughAsync(_disk, 0).AsTask();
        Assert.Single(_begun).SetResult();
        await first;
        while (!guest.IsCompleted || !other.IsCompleted)
        {
            Assert.InRange(_begun.Count, 2, 3);
            Assert.Single(_begun, gate => !gate.Task.IsCompleted).SetResult();
        }
    }

    [Fact]
    public async Task A_failure_is_acted_on_before_another_flush_begins()
    {
        Task failing = _flush.FlushAsync();
        Task next = _flush.FlushAsync();
        _begun.Dequeue().SetException(Failure());
        await Assert.ThrowsAsync<BlockException>(() => failing);
        Assert.Single(_failures);
        Assert.Single(_begun).SetResult();
        await next;
    }

    [Fact]
    public async Task A_failure_that_another_user_has_met_fails_the_guests_next_flush_once()
    {
        Task failing = _flush.FlushAsync();
        _begun.Dequeue().SetException(Failure());
        await Assert.ThrowsAsync<BlockException>(() => failing);
        _disk.Before = null;
        await Assert.ThrowsAsync<BlockException>(() => _flush.FlushForGuestAsync().AsTask());
        await _flush.FlushForGuestAsync();
    }

    [Fact]
    public async Task The_guests_own_failure_is_told_once()
    {
        Task failing = _flush.FlushForGuestAsync().AsTask();
        _begun.Dequeue().SetException(Failure());
        await Assert.ThrowsAsync<BlockException>(() => failing);
        _disk.Before = null;
        await _flush.FlushForGuestAsync();
        Assert.Single(_failures);
    }

    [Fact]
    public async Task A_failure_behind_the_guests_own_is_told_it_too()
    {
        var posted = new PostedContext();
        Task running = _flush.FlushAsync();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(posted);
        Task guest = _flush.FlushForGuestAsync().AsTask();
        SynchronizationContext.SetSynchronizationContext(before);
        _begun.Dequeue().SetResult();
        await running;
        Task other = _flush.FlushAsync();
        _begun.Dequeue().SetException(Failure());
        _begun.Dequeue().SetException(Failure());
        await Assert.ThrowsAsync<BlockException>(() => other);
        // Only now the guest's task goes on.
        posted.Run();
        await Assert.ThrowsAsync<BlockException>(() => guest);
        _disk.Before = null;
        await Assert.ThrowsAsync<BlockException>(() => _flush.FlushForGuestAsync().AsTask());
        await _flush.FlushForGuestAsync();
    }

    [Fact]
    public async Task What_failed_before_the_guest_wrote_is_not_its_affair()
    {
        Task failing = _flush.FlushAsync();
        _begun.Dequeue().SetException(Failure());
        await Assert.ThrowsAsync<BlockException>(() => failing);
        _disk.Before = null;
        _flush.Forgive();
        await _flush.FlushForGuestAsync();
    }

    private Task BeginAsync()
    {
        var gate = new TaskCompletionSource();
        _begun.Enqueue(gate);
        return gate.Task;
    }

    private static BlockException Failure() => new(BlockErrorKind.Io, "disk0", BlockOperation.Flush, default, "told to fail");

    // What is posted runs when the test says so.
    private sealed class PostedContext : SynchronizationContext
    {
        private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();

        public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

        public void Run()
        {
            while (_posted.TryDequeue(out (SendOrPostCallback Callback, object? State) next))
                next.Callback(next.State);
        }
    }
}
