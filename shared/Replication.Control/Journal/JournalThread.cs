namespace Replication.Control.Journal;

/// <summary>The thread that does the journal's writing, so that nobody else waits for the state directory.</summary>
internal sealed class JournalThread : IDisposable
{
    /// <summary>How long the end of the process waits for a state directory that hangs.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly object _lock = new(); // A monitor: it is waited on.
    private readonly Func<TimeSpan?> _work;
    private readonly Thread _thread;
    private bool _signalled; // Guarded by _lock.
    private bool _ending; // Guarded by _lock.

    /// <param name="work">Does what there is to do; returns when it wants to be called again without a signal, or null.</param>
    public JournalThread(Func<TimeSpan?> work)
    {
        _work = work;
        _thread = new Thread(Run) { IsBackground = true, Name = "journal" };
        _thread.Start();
    }

    /// <summary>There is work. Never waits for it.</summary>
    public void Signal()
    {
        lock (_lock)
        {
            _signalled = true;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Does the work that there is once more and ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ending = true;
            Monitor.Pulse(_lock);
        }

        _thread.Join(s_patience);
    }

    private void Run()
    {
        TimeSpan? again = null;
        while (true)
        {
            bool ending;
            lock (_lock)
            {
                if (!_signalled && !_ending)
                    Monitor.Wait(_lock, again ?? Timeout.InfiniteTimeSpan);
                _signalled = false;
                ending = _ending;
            }

            again = _work();
            if (ending)
                return;
        }
    }
}
