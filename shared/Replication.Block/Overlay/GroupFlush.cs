namespace Replication.Block.Overlay;

/// <summary>
/// Flushes of one file, shared: requests that wait at the same time are served by one flush that began after all of them had asked (group commit).
/// </summary>
/// <remarks>
/// A flush that is under way began too early for whoever asks now: that one waits for the next, together with everybody else who comes before it begins.
/// </remarks>
internal sealed class GroupFlush(Func<ValueTask> flush)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _next; // guarded by _lock; who waits for the flush that has not begun
    private bool _running; // guarded by _lock

    public GroupFlush(BlockNode node)
        : this(node.FlushAsync)
    {
    }

    /// <summary>Everything that the file had answered before this call is on stable storage when the task completes.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource mine;
        lock (_lock)
        {
            mine = _next ??= new TaskCompletionSource();
            if (_running)
                return mine.Task;
            _running = true;
        }

        _ = RunAsync();
        return mine.Task;
    }

    private async Task RunAsync()
    {
        while (true)
        {
            TaskCompletionSource batch;
            lock (_lock)
            {
                if (_next is null)
                {
                    _running = false;
                    return;
                }

                batch = _next;
                _next = null;
            }

            try
            {
                await flush();
                batch.SetResult();
            }
            catch (BlockException e)
            {
                batch.SetException(e);
            }
        }
    }
}
