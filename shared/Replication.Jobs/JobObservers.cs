using Replication.Block;

namespace Replication.Jobs;

/// <summary>Several observers of one engine, told one after the other in the order in which they came. Concurrent: they come and go while jobs run.</summary>
public sealed class JobObservers : IJobObserver
{
    private readonly Lock _sync = new(); // one change of the list at a time
    private volatile IJobObserver[] _observers = []; // replaced, never changed: who tells reads it without the lock

    /// <summary>Tells this one too from now on, until what is returned is disposed; a call that is under way then may still come.</summary>
    public IDisposable Add(IJobObserver observer)
    {
        lock (_sync)
            _observers = [.. _observers, observer];
        return new Membership(this, observer);
    }

    public void StatusChanged(JobInfo job)
    {
        foreach (IJobObserver observer in _observers)
            observer.StatusChanged(job);
    }

    public void BecameReady(JobInfo job)
    {
        foreach (IJobObserver observer in _observers)
            observer.BecameReady(job);
    }

    public void BecamePending(JobInfo job)
    {
        foreach (IJobObserver observer in _observers)
            observer.BecamePending(job);
    }

    public void Completed(JobInfo job)
    {
        foreach (IJobObserver observer in _observers)
            observer.Completed(job);
    }

    public void Cancelled(JobInfo job)
    {
        foreach (IJobObserver observer in _observers)
            observer.Cancelled(job);
    }

    public void Failed(JobInfo job, BlockOperation operation, ErrorAction action)
    {
        foreach (IJobObserver observer in _observers)
            observer.Failed(job, operation, action);
    }

    private sealed class Membership(JobObservers observers, IJobObserver member) : IDisposable
    {
        public void Dispose()
        {
            lock (observers._sync)
                observers._observers = [.. observers._observers.Where(observer => observer != member)];
        }
    }
}
