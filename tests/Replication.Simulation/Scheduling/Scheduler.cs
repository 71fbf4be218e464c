namespace Replication.Simulation.Scheduling;

/// <summary>
/// One thread, one queue, one seed: every completion of a disk, every message, every timer and every continuation of the simulated processes is an event here,
/// and the seed alone decides their order.
/// </summary>
/// <remarks>
/// Time is virtual: it stands still while there is something to do now, and jumps to the next event that is due. Events of one moment run roughly in the order
/// in which they came, shaken by <see cref="ScheduleProfile.Shuffle"/>; a continuation may also be held up, as a thread that has lost its processor is
/// (<see cref="ScheduleProfile.StallChance"/>). Events of a process that has been killed never run; those of one that is stopped wait.
/// </remarks>
internal sealed class Scheduler
{
    private readonly PriorityQueue<Event, (long Due, long Order)> _events = new();
    private readonly ScheduleProfile _profile;
    private readonly Thread _thread = Thread.CurrentThread;
    private ulong _hash = 14695981039346656037;
    private long _sequence;

    public Scheduler(Random random, ScheduleProfile profile)
    {
        Random = random;
        _profile = profile;
    }

    /// <summary>The one source of randomness; every use of it is part of the trace.</summary>
    public Random Random { get; }

    /// <summary>Virtual time in ticks of 100 ns.</summary>
    public long Now { get; private set; }

    public long Executed { get; private set; }

    /// <summary>Whose event is running.</summary>
    public SimulatedProcess? Running { get; private set; }

    /// <summary>A digest of what has happened: two runs with one seed have one digest.</summary>
    public ulong TraceHash => _hash;

    public static long Ticks(double milliseconds) => (long)(milliseconds * TimeSpan.TicksPerMillisecond);

    /// <summary>Runs the action in the process as soon as its turn comes.</summary>
    public void Post(SimulatedProcess process, Action action)
    {
        long stall = Random.NextDouble() < _profile.StallChance ? Random.NextInt64(_profile.LongestStall) : 0;
        Schedule(process, stall, action);
    }

    /// <summary>Runs the action in the process after a delay.</summary>
    public void Schedule(SimulatedProcess process, long delay, Action action)
    {
        CheckThread();
        long order = ++_sequence;
        if (Random.NextDouble() < _profile.Shuffle)
            order += Random.Next(_profile.ShuffleDistance);
        _events.Enqueue(new Event(process, action), (Now + Math.Max(0, delay), order));
    }

    /// <summary>Puts back an event that waited for a stopped process.</summary>
    public void Resume(Event waited) => _events.Enqueue(waited, (Now, ++_sequence));

    /// <summary>Runs the next event; false where there is none until the given moment, to which time then goes.</summary>
    public bool Step(long until = long.MaxValue)
    {
        if (!_events.TryPeek(out _, out (long Due, long Order) first) || first.Due > until)
        {
            Now = until == long.MaxValue ? Now : Math.Max(Now, until);
            return false;
        }

        Event next = _events.Dequeue();
        Now = Math.Max(Now, first.Due);
        if (next.Process.IsStopped && next.Process.IsAlive)
            next.Process.Wait(next);
        else if (next.Process.IsAlive)
            Run(next);
        return true;
    }

    /// <summary>Runs whatever is due within that time.</summary>
    public void RunFor(long ticks)
    {
        long until = Now + ticks;
        while (Step(until))
        {
        }
    }

    /// <summary>Makes something part of the trace's digest.</summary>
    public void Trace(long value)
    {
        unchecked
        {
            _hash = (_hash ^ (ulong)value) * 1099511628211;
        }
    }

    /// <summary>Production code that has left this thread would make a run unrepeatable.</summary>
    public void CheckThread()
    {
        if (Thread.CurrentThread != _thread)
            throw new InvalidOperationException($"something has left the simulator's scheduler:\n{Environment.StackTrace}");
    }

    private void Run(Event next)
    {
        Executed++;
        Trace(Now);
        Trace(next.Process.Id);
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(next.Process.Context);
        Running = next.Process;
        try
        {
            next.Action();
        }
        catch (SimulatedProcessEndException)
        {
            // The process has ended itself; nothing of it runs any more.
        }
        finally
        {
            Running = null;
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    internal readonly record struct Event(SimulatedProcess Process, Action Action);
}
