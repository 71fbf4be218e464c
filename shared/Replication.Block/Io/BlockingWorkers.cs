namespace Replication.Block;

/// <summary>
/// A small set of threads for system calls that wait for a device (fdatasync, zeroing of much), so
/// that neither a connection's thread nor .NET's thread pool does.
/// </summary>
/// <remarks>
/// One queue, first come first served. A job's continuation runs on the worker inside an <see cref="IoBatch"/>. The queue is bounded
/// (<see cref="Limits.BlockingQueueLength"/>): when it is full the caller's thread runs the job itself. Dispose ends the threads once the queue is empty.
/// </remarks>
public sealed class BlockingWorkers : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<BlockingJob> _queue = new(); // guarded by _lock
    private readonly SemaphoreSlim _available = new(0);
    private readonly Thread[] _threads;
    private bool _ending; // guarded by _lock

    public BlockingWorkers(string name = "device", int threads = Limits.BlockingThreads)
    {
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            _threads[i] = new Thread(Run) { Name = $"{name}-{i}", IsBackground = true };
            _threads[i].Start();
        }
    }

    /// <summary>Ends the threads; every job that was handed over before has run.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_ending)
                return;
            _ending = true;
        }

        _available.Release(_threads.Length);
        foreach (Thread thread in _threads)
        {
            // A worker's own continuation may be what disposes us.
            if (thread != Thread.CurrentThread)
                thread.Join();
        }
    }

    internal void Enqueue(BlockingJob job)
    {
        lock (_lock)
        {
            if (!_ending && _queue.Count < Limits.BlockingQueueLength)
            {
                _queue.Enqueue(job);
                job = null!;
            }
        }

        if (job is null)
            _available.Release();
        else
            job.RunAndComplete();
    }

    private void Run()
    {
        while (true)
        {
            _available.Wait();
            BlockingJob? job;
            lock (_lock)
            {
                if (!_queue.TryDequeue(out job) && _ending)
                    return;
            }

            if (job is null)
                continue;
            using (IoBatch.Enter())
                job.RunAndComplete();
        }
    }
}
