namespace Replication.Jobs;

/// <summary>
/// What is to be told of jobs, in the order in which it happened: put in under the engine's lock, told outside of it, by one thread at a time.
/// </summary>
internal sealed class JobOutbox(IJobObserver observer)
{
    private readonly Lock _sync = new();
    private readonly Queue<Action<IJobObserver>> _told = new(); // guarded by _sync
    private bool _isTelling; // guarded by _sync

    public void Put(Action<IJobObserver> what)
    {
        lock (_sync)
            _told.Enqueue(what);
    }

    /// <summary>Tells what has been put in. Where another thread is at it, that one goes on.</summary>
    public void Tell()
    {
        lock (_sync)
        {
            if (_isTelling)
                return;
            _isTelling = true;
        }

        while (TryTake() is { } what)
            what(observer);
    }

    private Action<IJobObserver>? TryTake()
    {
        lock (_sync)
        {
            if (_told.TryDequeue(out Action<IJobObserver>? what))
                return what;
            _isTelling = false;
            return null;
        }
    }
}
