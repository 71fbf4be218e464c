using System.Diagnostics;

namespace Replication.Benchmarks.Load;

/// <summary>What the lanes of a load share. After the start they all run on the client connection's one thread; the lock is for the start.</summary>
internal sealed class LoadProgress(int lanes, long endTimestamp, long maxRequests)
{
    private readonly Lock _sync = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running = lanes; // guarded by _sync, as all that follows
    private long _answered;
    private long _lastTimestamp;
    private long _place;
    private bool _isStopped;
    private Exception? _failure;

    public LatencyHistogram Latencies { get; } = new();

    public Task Ended => _ended.Task;

    public long Answered => _answered;

    /// <summary>When the last reply came.</summary>
    public long LastTimestamp => _lastTimestamp;

    public bool IsOver(long timestamp)
    {
        lock (_sync)
            return _isStopped || timestamp >= endTimestamp || _answered >= maxRequests || _failure is not null;
    }

    /// <summary>Ends the load: what is in flight is still answered.</summary>
    public void Stop()
    {
        lock (_sync)
            _isStopped = true;
    }

    public long NextPlace(long places)
    {
        lock (_sync)
            return _place++ % places;
    }

    public void Count(TimeSpan latency)
    {
        lock (_sync)
        {
            Latencies.Add((long)latency.TotalNanoseconds);
            _answered++;
            _lastTimestamp = Stopwatch.GetTimestamp();
        }
    }

    public void LaneEnds(Exception? failure)
    {
        lock (_sync)
        {
            _failure ??= failure;
            if (--_running > 0)
                return;
        }

        if (_failure is null)
            _ended.SetResult();
        else
            _ended.SetException(_failure);
    }
}
