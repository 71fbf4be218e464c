namespace Replication.Block.Tests.Secondary;

/// <summary>Background work on the test's own thread: at once, or when the test says.</summary>
internal sealed class QueuedWorker : IBackgroundWorker
{
    private readonly Queue<Func<ValueTask>> _work = new();
    private readonly Lock _sync = new();
    private bool _running;

    /// <summary>False: work waits for <see cref="RunUntilIdle"/> or <see cref="RunOne"/>.</summary>
    public bool Automatic { get; set; } = true;

    public void Post(Func<ValueTask> work)
    {
        lock (_sync)
            _work.Enqueue(work);
        if (Automatic)
            RunUntilIdle();
    }

    public void RunUntilIdle()
    {
        lock (_sync)
        {
            if (_running)
                return;
            _running = true;
        }

        while (RunOne())
        {
        }

        lock (_sync)
            _running = false;
    }

    /// <summary>Starts one piece of work; false where there is none.</summary>
    public bool RunOne()
    {
        Func<ValueTask>? work;
        lock (_sync)
        {
            if (!_work.TryDequeue(out work))
                return false;
        }

        _ = work().AsTask();
        return true;
    }
}
