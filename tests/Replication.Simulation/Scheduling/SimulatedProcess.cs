namespace Replication.Simulation.Scheduling;

/// <summary>
/// One process from its start to its end. What belongs to it runs under its own context, so that the end of the process is the end of all of it.
/// </summary>
internal sealed class SimulatedProcess
{
    private readonly Queue<Scheduler.Event> _waiting = new();
    private readonly List<Action> _atEnd = [];

    public SimulatedProcess(Scheduler scheduler, int id, string name)
    {
        Scheduler = scheduler;
        Id = id;
        Name = name;
        Context = new ProcessContext(this);
        Time = new SimulatedTime(this);
    }

    public Scheduler Scheduler { get; }

    public int Id { get; }

    public string Name { get; }

    public SynchronizationContext Context { get; }

    public TimeProvider Time { get; }

    public bool IsAlive { get; private set; } = true;

    /// <summary>As by SIGSTOP: what is due waits.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Why it ended itself; null where it did not.</summary>
    public string? EndedItself { get; private set; }

    /// <summary>What the kernel does when the process is gone: connections break, requests in flight are settled.</summary>
    public void AtEnd(Action action) => _atEnd.Add(action);

    /// <summary>Runs an asynchronous piece of work in this process. What it throws is <paramref name="failed"/>'s.</summary>
    public void Run(Func<Task> work, Action<Exception> failed) => Scheduler.Post(this, () => _ = RunAsync(work, failed));

    public void Stop() => IsStopped = true;

    public void Continue()
    {
        IsStopped = false;
        while (_waiting.TryDequeue(out Scheduler.Event waited))
            Scheduler.Resume(waited);
    }

    public void Kill()
    {
        if (!IsAlive)
            return;
        IsAlive = false;
        _waiting.Clear();
        foreach (Action action in _atEnd)
            action();
    }

    /// <summary>The process has called for its own end.</summary>
    public Exception End(string message, Exception? cause)
    {
        if (IsAlive)
        {
            EndedItself = cause is null ? message : $"{message}\n{cause}";
            Kill();
        }

        return new SimulatedProcessEndException(message);
    }

    internal void Wait(Scheduler.Event waiting) => _waiting.Enqueue(waiting);

    private static async Task RunAsync(Func<Task> work, Action<Exception> failed)
    {
        try
        {
            await work();
        }
        catch (SimulatedProcessEndException)
        {
            // Seen by who looks at EndedItself.
        }
        catch (Exception e)
        {
            failed(e);
        }
    }

    private sealed class ProcessContext(SimulatedProcess process) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => process.Scheduler.Post(process, () => d(state));

        public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("nothing waits for another thread here");

        public override SynchronizationContext CreateCopy() => this;
    }
}

/// <summary>Unwinds what a process was doing when it ended itself.</summary>
internal sealed class SimulatedProcessEndException(string message) : Exception(message);
