namespace Replication.Block.State;

/// <summary>Flushes of one file for many who wait: everybody whose write has been answered shares the next flush that begins.</summary>
internal sealed class SharedFlush(BlockNode file)
{
    private readonly Lock _sync = new();
    private List<TaskCompletionSource> _waiting = []; // guarded by _sync: they wait for a flush that has not begun
    private bool _running; // guarded by _sync

    /// <summary>Completes when a flush that began after this call has succeeded.</summary>
    /// <exception cref="BlockException">It failed, for everybody who shared it.</exception>
    public Task RunAsync()
    {
        var done = new TaskCompletionSource();
        bool begin;
        lock (_sync)
        {
            _waiting.Add(done);
            begin = !_running;
            _running = true;
        }

        if (begin)
            _ = FlushAllAsync();
        return done.Task;
    }

    private async Task FlushAllAsync()
    {
        while (true)
        {
            List<TaskCompletionSource> served;
            lock (_sync)
            {
                if (_waiting.Count == 0)
                {
                    _running = false;
                    return;
                }

                served = _waiting;
                _waiting = [];
            }

            BlockException? failure = null;
            try
            {
                await file.FlushAsync();
            }
            catch (BlockException e)
            {
                failure = e;
            }

            foreach (TaskCompletionSource done in served)
            {
                if (failure is null)
                    IoBatch.Post(done.SetResult);
                else
                    IoBatch.Post(() => done.SetException(failure));
            }
        }
    }
}
