using Polly;
using Polly.Retry;

namespace Replication.Roles.Primary;

/// <summary>
/// Waits between attempts: exponential, with jitter, so that the pairs of a host whose link comes back do not all try at once.
/// </summary>
/// <remarks>
/// The calculation is Polly's, which offers it only as part of a retry: one is run here whose attempts fail at once and whose clock does not wait. The waiting
/// is the caller's, who asks the peer meanwhile, and whose time is injected.
/// </remarks>
internal sealed class BackOff(Func<double> random)
{
    private readonly Queue<TimeSpan> _delays = new();
    private TimeSpan _last;

    /// <summary>How long to wait after one more failure.</summary>
    public TimeSpan Next()
    {
        // At its end a series has reached the cap: it stays there.
        if (_delays.Count == 0 && _last == default)
            Calculate();
        return _last = _delays.TryDequeue(out TimeSpan next) ? next : _last;
    }

    /// <summary>The next failure is the first again.</summary>
    public void Reset()
    {
        _delays.Clear();
        _last = default;
    }

    private void Calculate() => new ResiliencePipelineBuilder { TimeProvider = new NoWaiting() }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = static _ => new ValueTask<bool>(true),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = Limits.ReconnectFirstWait,
            MaxDelay = Limits.ReconnectLongestWait,
            MaxRetryAttempts = Limits.ReconnectWaits,
            Randomizer = random,
            OnRetry = retry =>
            {
                _delays.Enqueue(retry.RetryDelay);
                return default;
            },
        })
        .Build()
        .Execute(static () => { });

    /// <summary>Every timer is due at once.</summary>
    private sealed class NoWaiting : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            callback(state);
            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
