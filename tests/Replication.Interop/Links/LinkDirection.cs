namespace Replication.Interop.Links;

/// <summary>
/// One way over a link: how fast it is, how long a byte travels, and whether anything arrives at all. All connections over the link share it.
/// </summary>
internal sealed class LinkDirection
{
    // A wait is worth a timer from here on; below, the debt is kept for the next piece.
    private static readonly TimeSpan s_leastWait = TimeSpan.FromMilliseconds(2);

    private readonly Lock _lock = new();
    private TaskCompletionSource? _stall; // guarded by _lock; there while nothing arrives
    private long _free; // guarded by _lock: the timestamp at which the wire has sent all that it was given

    /// <summary>Bytes per second; 0 is without a limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>How long each byte is under way.</summary>
    public TimeSpan Delay { get; init; }

    private Task? Stalled
    {
        get
        {
            lock (_lock)
                return _stall?.Task;
        }
    }

    /// <summary>From now on nothing arrives; what is sent waits in buffers, as in those of a host whose packets are dropped.</summary>
    public void Stall()
    {
        lock (_lock)
            _stall ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>What has waited arrives, in its order.</summary>
    public void Resume()
    {
        TaskCompletionSource? stall;
        lock (_lock)
            (stall, _stall) = (_stall, null);
        stall?.SetResult();
    }

    /// <summary>Complete when so many bytes, which were sent at that moment, are through.</summary>
    public async ValueTask PassAsync(int lengthBytes, long sentAt, CancellationToken cancellationToken)
    {
        await UntilAsync(sentAt + Timestamps(Delay), TimeSpan.Zero, cancellationToken);
        while (Stalled is { } stall)
            await stall.WaitAsync(cancellationToken);
        if (BytesPerSecond == 0)
            return;
        long sent;
        lock (_lock)
        {
            _free = Math.Max(_free, TimeProvider.System.GetTimestamp()) + Timestamps(TimeSpan.FromSeconds((double)lengthBytes / BytesPerSecond));
            sent = _free;
        }

        await UntilAsync(sent, s_leastWait, cancellationToken);
    }

    private static async ValueTask UntilAsync(long timestamp, TimeSpan leastWait, CancellationToken cancellationToken)
    {
        TimeSpan left = TimeProvider.System.GetElapsedTime(TimeProvider.System.GetTimestamp(), timestamp);
        if (left > leastWait)
            await Task.Delay(left, cancellationToken);
    }

    private static long Timestamps(TimeSpan time) => (long)(time.TotalSeconds * TimeProvider.System.TimestampFrequency);
}
