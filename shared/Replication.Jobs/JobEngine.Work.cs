using Replication.Block;

namespace Replication.Jobs;

// What the work of a job asks for.
public sealed partial class JobEngine
{
    internal bool IsToPause(Job job)
    {
        lock (_sync)
            return job.Pauses > 0 || job.IsCancelled;
    }

    internal ValueTask PausePointAsync(Job job)
    {
        lock (_sync)
        {
            if (job.Pauses == 0 || job.IsCancelled)
            {
                job.Cancellation.Token.ThrowIfCancellationRequested();
                return default;
            }
        }

        return new ValueTask(StandAsync(job));
    }

    internal async ValueTask<bool> PaceAsync(Job job, long lengthBytes, Action? stillWanted)
    {
        TimeSpan wait;
        while (!job.Rate.TryTake(lengthBytes, out wait))
        {
            await Task.Delay(wait, _time, job.Cancellation.Token);
            stillWanted?.Invoke();
            lock (_sync)
            {
                if (job.Pauses > 0)
                    return false;
            }
        }

        return true;
    }

    internal ErrorAction TakeError(Job job, ErrorPolicy policy, BlockOperation operation, int errno)
    {
        ErrorAction action = policy.ActionFor(errno);
        lock (_sync)
        {
            Put(job, (observer, info) => observer.Failed(info, operation, action));
            if (action == ErrorAction.Stop && !job.IsCancelled)
            {
                job.IoStatus = errno == Errno.ENOSPC ? IoStatus.NoSpace : IoStatus.Failed;
                // Several copies may fail at once, and a person may have been faster.
                if (!job.IsPausedByUser)
                    PauseForUser(job);
            }
        }

        _outbox.Tell();
        return action;
    }

    internal async Task ReadyAsync(Job job)
    {
        lock (_sync)
        {
            job.Cancellation.Token.ThrowIfCancellationRequested();
            Move(job, JobStatus.Ready);
            Put(job, (observer, info) => observer.BecameReady(info));
            job.IsAskedToComplete |= job.Options.AutoComplete;
        }

        _outbox.Tell();
        await RestAsync(job);
    }

    /// <summary>Who rests looks whether it is over; what stands still goes on doing so.</summary>
    internal void WakeUp(Job job)
    {
        List<Action> wakeUps = [];
        lock (_sync)
            Wake(job, wakeUps);
        Run(wakeUps);
    }

    internal void WakeUpApart(Job job) => _run($"waking job {job.Name}", () =>
    {
        WakeUp(job);
        return Task.CompletedTask;
    });

    /// <summary>Returns where the job is asked to complete, which only one that is ready is, or where it is over.</summary>
    internal async Task RestAsync(Job job, Func<bool>? isOver = null)
    {
        while (true)
        {
            await PausePointAsync(job);
            Task rest;
            lock (_sync)
            {
                if (job.IsAskedToComplete || isOver?.Invoke() == true)
                    return;
                // What has been asked for since the pause point has woken nobody yet.
                if (job.Pauses > 0 || job.IsCancelled)
                    continue;
                rest = Rest(job);
            }

            await rest;
        }
    }

    private async Task StandAsync(Job job)
    {
        Task rest;
        JobStatus before;
        lock (_sync)
        {
            // Resumed, or cancelled, in between.
            if (job.Pauses == 0)
            {
                job.Cancellation.Token.ThrowIfCancellationRequested();
                return;
            }

            before = job.Status;
            Move(job, before == JobStatus.Ready ? JobStatus.Standby : JobStatus.Paused);
            rest = Rest(job);
        }

        _outbox.Tell();
        while (true)
        {
            await rest;
            lock (_sync)
            {
                if (job.Pauses == 0)
                {
                    Move(job, before);
                    break;
                }

                // Paused again before it got here: it has never left.
                rest = Rest(job);
            }
        }

        _outbox.Tell();
        job.Cancellation.Token.ThrowIfCancellationRequested();
    }

    /// <summary>Call under the lock.</summary>
    private static Task Rest(Job job)
    {
        Invariant.Check(job.Resting is null, $"job {job.Name} rests twice");
        job.Resting = new TaskCompletionSource();
        return job.Resting.Task;
    }
}
