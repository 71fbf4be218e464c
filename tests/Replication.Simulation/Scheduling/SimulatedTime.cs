namespace Replication.Simulation.Scheduling;

/// <summary>Virtual time as one process sees it. Timers are events of the process: one that falls due while it is stopped fires once, late.</summary>
internal sealed class SimulatedTime(SimulatedProcess process) : TimeProvider
{
    private static readonly DateTimeOffset s_origin = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp() => process.Scheduler.Now;

    public override DateTimeOffset GetUtcNow() => s_origin.AddTicks(process.Scheduler.Now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(SimulatedProcess process, TimerCallback callback, object? state) : ITimer
    {
        private int _version;
        private bool _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_disposed)
                return false;
            int version = ++_version;
            if (dueTime != Timeout.InfiniteTimeSpan)
                process.Scheduler.Schedule(process, dueTime.Ticks, () => Fire(version, period));
            return true;
        }

        public void Dispose()
        {
            _disposed = true;
            _version++;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        private void Fire(int version, TimeSpan period)
        {
            if (version != _version)
                return;
            if (period > TimeSpan.Zero)
                process.Scheduler.Schedule(process, period.Ticks, () => Fire(version, period));
            callback(state);
        }
    }
}
