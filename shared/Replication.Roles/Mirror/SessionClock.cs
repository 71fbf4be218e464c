namespace Replication.Roles.Mirror;

/// <summary>
/// A session's own time: it goes forward by ticks, and each counts at most two tick lengths.
/// </summary>
/// <remarks>
/// A process that was stopped (SIGSTOP, a frozen VM) wakes up with replies in its sockets that it has not read. Measured by any real clock its peer would have
/// been silent all that time; by this one the sleep is two ticks long. Reading it costs a memory access, so that every request can note its moment.
/// </remarks>
internal sealed class SessionClock(TimeProvider time, TimeSpan tick)
{
    private long _lastTimestamp = time.GetTimestamp(); // only the ticking thread's
    private long _now; // written by the ticking thread

    /// <summary>Time between two ticks.</summary>
    public TimeSpan Tick => tick;

    /// <summary>Ticks of 100 ns since the session began.</summary>
    public long Now => Volatile.Read(ref _now);

    /// <summary>One tick; returns how far time went.</summary>
    public long Advance()
    {
        long timestamp = time.GetTimestamp();
        long step = Math.Min(time.GetElapsedTime(_lastTimestamp, timestamp).Ticks, 2 * tick.Ticks);
        _lastTimestamp = timestamp;
        Volatile.Write(ref _now, _now + step);
        return step;
    }
}
