namespace Replication.Block;

/// <summary>The real worker: one thread of its own for a node's background work.</summary>
/// <remarks>
/// A piece that waits for a device lets the next one begin; it goes on where its wait ended. The queue holds a
/// few pieces per disk and checkpoint, all of this node's own making.
/// </remarks>
public sealed class BackgroundThread : IBackgroundWorker
{
    private readonly Lock _sync = new();
    private readonly Queue<Func<ValueTask>> _work = new(); // guarded by _sync
    private readonly SemaphoreSlim _available = new(0);
    private readonly Thread _thread;
    private bool _ending; // guarded by _sync

    public BackgroundThread(string name)
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    public void Post(Func<ValueTask> work)
    {
        lock (_sync)
            _work.Enqueue(work);
        _available.Release();
    }

    /// <summary>Ends the thread once the queue is empty.</summary>
    public void Dispose()
    {
        lock (_sync)
        {
            if (_ending)
                return;
            _ending = true;
        }

        _available.Release();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            _available.Wait();
            Func<ValueTask>? work;
            lock (_sync)
            {
                if (!_work.TryDequeue(out work) && _ending)
                    return;
            }

            if (work is null)
                continue;
            using (IoBatch.Enter())
                _ = RunAsync(work);
        }
    }

    private static async Task RunAsync(Func<ValueTask> work)
    {
        try
        {
            await work();
        }
        catch (Exception e)
        {
            Invariant.Broken("background work handles its own failures", e);
        }
    }
}
