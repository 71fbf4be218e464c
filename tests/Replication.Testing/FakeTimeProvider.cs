namespace Replication.Testing;

/// <summary>Time that stands still until the test moves it. Timers fire inside <see cref="Advance"/>, in their order, on its thread.</summary>
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<FakeTimer> _timers = []; // guarded by _lock
    private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero); // guarded by _lock

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
            return _now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    /// <summary>Moves time on; each timer that falls due on the way fires at its moment.</summary>
    public void Advance(TimeSpan by)
    {
        DateTimeOffset end = GetUtcNow() + by;
        while (true)
        {
            FakeTimer? due;
            lock (_lock)
            {
                due = _timers.Where(t => t.DueAt <= end).MinBy(t => t.DueAt);
                _now = due is null ? end : due.DueAt > _now ? due.DueAt : _now;
                due?.MoveOn();
            }

            if (due is null)
                return;
            due.Fire();
        }
    }

    /// <summary>A process that slept: time jumps, and each timer that is due fires once, late, however many of its periods went by.</summary>
    public void Jump(TimeSpan by)
    {
        List<FakeTimer> due;
        lock (_lock)
        {
            _now += by;
            due = [.. _timers.Where(t => t.DueAt <= _now)];
            foreach (FakeTimer timer in due)
                timer.MoveOnFrom(_now);
        }

        foreach (FakeTimer timer in due)
            timer.Fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        lock (_lock)
            _timers.Add(timer);
        return timer;
    }

    private sealed class FakeTimer(FakeTimeProvider owner, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period; // guarded by the owner's lock

        public DateTimeOffset DueAt { get; private set; } = DateTimeOffset.MaxValue; // guarded by the owner's lock

        public void MoveOn() => DueAt = Repeats ? DueAt + _period : DateTimeOffset.MaxValue;

        public void MoveOnFrom(DateTimeOffset now) => DueAt = Repeats ? now + _period : DateTimeOffset.MaxValue;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._lock)
            {
                DueAt = dueTime == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : owner._now + dueTime;
                _period = period;
            }

            return true;
        }

        public void Dispose()
        {
            lock (owner._lock)
            {
                DueAt = DateTimeOffset.MaxValue;
                owner._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        private bool Repeats => _period > TimeSpan.Zero;
    }
}
