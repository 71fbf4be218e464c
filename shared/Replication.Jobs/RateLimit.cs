namespace Replication.Jobs;

/// <summary>A job's speed: what was let through is a debt that the time pays off. Concurrent.</summary>
/// <remarks>A pause is not saved up for a burst. A request that is larger than the speed goes through at once; the next one waits for it.</remarks>
internal sealed class RateLimit(TimeProvider time)
{
    private readonly Lock _sync = new();
    private long _speed; // guarded by _sync, as all that follows; bytes a second, 0: no limit
    private double _debtBytes;
    private long _asOf = time.GetTimestamp();

    public long BytesPerSecond
    {
        get
        {
            lock (_sync)
                return _speed;
        }

        set
        {
            lock (_sync)
            {
                PayOff();
                _speed = value;
            }
        }
    }

    /// <summary>Takes so much at once, or says how long to wait until it is worth to ask again.</summary>
    public bool TryTake(long lengthBytes, out TimeSpan wait)
    {
        lock (_sync)
        {
            PayOff();
            // What is left of a byte is how sums of fractions come out.
            if (_speed == 0 || _debtBytes < 1)
            {
                _debtBytes = _speed == 0 ? 0 : lengthBytes;
                wait = TimeSpan.Zero;
                return true;
            }

            // Rounded up: a delay of less than a millisecond is none, and who waits would spin.
            double leftMs = Math.Ceiling(_debtBytes / _speed * 1000);
            wait = leftMs < Limits.PaceStep.TotalMilliseconds ? TimeSpan.FromMilliseconds(leftMs) : Limits.PaceStep;
            return false;
        }
    }

    private void PayOff()
    {
        long now = time.GetTimestamp();
        _debtBytes -= time.GetElapsedTime(_asOf, now).TotalSeconds * _speed;
        _asOf = now;
    }
}
