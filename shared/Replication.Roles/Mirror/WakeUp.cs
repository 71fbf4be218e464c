using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// One background loop's sleep, which anybody may end early. Ringing is cheap and may happen on the
/// data path: the loop goes on at the end of the ringer's batch.
/// </summary>
internal sealed class WakeUp(TimeProvider time)
{
    private readonly Lock _sync = new();
    private TaskCompletionSource? _sleeper; // guarded by _sync
    private bool _rung; // guarded by _sync: nobody slept then

    /// <summary>Ends the sleep, or the next one before it begins.</summary>
    public void Ring()
    {
        TaskCompletionSource? sleeper;
        lock (_sync)
        {
            sleeper = _sleeper;
            _sleeper = null;
            _rung = sleeper is null;
        }

        if (sleeper is not null)
            IoBatch.Post(sleeper.SetResult);
    }

    /// <summary>Sleeps until somebody rings, or that long where it is not null.</summary>
    public async Task SleepAsync(TimeSpan? most = null)
    {
        var sleeper = new TaskCompletionSource();
        lock (_sync)
        {
            if (_rung)
            {
                _rung = false;
                return;
            }

            _sleeper = sleeper;
        }

        if (most is not { } limit)
        {
            await sleeper.Task;
            return;
        }

        await using ITimer timer = time.CreateTimer(_ => EndOf(sleeper), null, limit, Timeout.InfiniteTimeSpan);
        await sleeper.Task;
    }

    private void EndOf(TaskCompletionSource sleeper)
    {
        lock (_sync)
        {
            if (_sleeper != sleeper)
                return;
            _sleeper = null;
        }

        IoBatch.Post(sleeper.SetResult);
    }
}
