namespace Replication.Roles;

/// <summary>
/// Serialises a node's verbs, first come first served. Not for the data path. Waiters resume on the
/// releaser's thread, so a single-threaded scheduler keeps them.
/// </summary>
internal sealed class AsyncMutex
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiters = new(); // guarded by _lock
    private bool _taken; // guarded by _lock

    public async Task<Holder> EnterAsync()
    {
        TaskCompletionSource? waiter = null;
        lock (_lock)
        {
            if (_taken)
                _waiters.Enqueue(waiter = new TaskCompletionSource());
            _taken = true;
        }

        if (waiter is not null)
            await waiter.Task;
        return new Holder(this);
    }

    /// <summary>Null where somebody has it: for work that can come back later.</summary>
    public Holder? TryEnter()
    {
        lock (_lock)
        {
            if (_taken)
                return null;
            _taken = true;
        }

        return new Holder(this);
    }

    private void Exit()
    {
        TaskCompletionSource? next;
        lock (_lock)
        {
            if (!_waiters.TryDequeue(out next))
                _taken = false;
        }

        next?.SetResult();
    }

    public sealed class Holder(AsyncMutex mutex) : IDisposable
    {
        private AsyncMutex? _mutex = mutex;

        public void Dispose() => Interlocked.Exchange(ref _mutex, null)?.Exit();
    }
}
