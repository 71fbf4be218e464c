namespace Replication.Block.Faults;

/// <summary>Holds the requests that a rule sends here until they are released. In a process without a test inside, that is until it is killed.</summary>
public sealed class Breakpoint(string name)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _held = new(); // guarded by _lock
    private readonly List<(int Hits, TaskCompletionSource Signal)> _watchers = []; // guarded by _lock
    private int _hits; // guarded by _lock
    private bool _open; // guarded by _lock

    public string Name { get; } = name;

    /// <summary>Requests that have come here so far.</summary>
    public int Hits
    {
        get
        {
            lock (_lock)
                return _hits;
        }
    }

    /// <summary>Completes once <paramref name="hits"/> requests have come here; they are held then, unless the breakpoint was released.</summary>
    public Task WaitForHitsAsync(int hits = 1)
    {
        lock (_lock)
        {
            if (_hits >= hits)
                return Task.CompletedTask;
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((hits, signal));
            return signal.Task;
        }
    }

    /// <summary>Lets the oldest held request go on; false where none is held.</summary>
    public bool ReleaseOne()
    {
        TaskCompletionSource? request;
        lock (_lock)
            _held.TryDequeue(out request);
        request?.SetResult();
        return request is not null;
    }

    /// <summary>Lets every held request go on, and stops no later one.</summary>
    public void Release()
    {
        lock (_lock)
            _open = true;
        while (ReleaseOne())
        {
        }
    }

    internal Task HoldAsync()
    {
        List<TaskCompletionSource> reached = [];
        Task held;
        lock (_lock)
        {
            _hits++;
            held = Task.CompletedTask;
            if (!_open)
            {
                var request = new TaskCompletionSource();
                _held.Enqueue(request);
                held = request.Task;
            }

            _watchers.RemoveAll(watcher =>
            {
                if (watcher.Hits > _hits)
                    return false;
                reached.Add(watcher.Signal);
                return true;
            });
        }

        foreach (TaskCompletionSource signal in reached)
            signal.SetResult();
        return held;
    }
}
