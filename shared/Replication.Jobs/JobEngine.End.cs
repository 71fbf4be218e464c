namespace Replication.Jobs;

// The end of jobs that may wait for something outside of the node: a target that does not answer.
public sealed partial class JobEngine
{
    private Task? _ending; // guarded by _sync; nothing is created any more

    /// <summary>
    /// The node is about to end: cancels what people have asked for, and completes when all of it has ended. What has not within the patience is given up: what
    /// it waits for is cut off. Nothing is created any more. May be called again. Jobs of the node's own are left to whoever runs them: a commit that is cut
    /// short is resumed by the next run of the node, and a sync ends with its verb.
    /// </summary>
    public Task EndAsync()
    {
        var begun = new TaskCompletionSource();
        List<Action> wakeUps = [];
        lock (_sync)
        {
            if (_ending is not null)
                return _ending;
            _ending = begun.Task;
            foreach (Job job in _jobs.Where(job => job.Transaction is { HasBegun: true, IsOwn: false, IsFinalizing: false }))
            {
                if (job.Status != JobStatus.Concluded)
                    Cancel(job, wakeUps);
            }
        }

        Run(wakeUps);
        _outbox.Tell();
        _ = EndAsync(begun);
        return begun.Task;
    }

    private async Task EndAsync(TaskCompletionSource ended)
    {
        await GiveUpAfterAsync(Limits.EndPatience, AllEndedAsync(), () => GiveUp(job => job.Transaction is { IsOwn: false }));
        ended.SetResult();
    }

    /// <summary>Those of people that have been created, also such that are only about to begin.</summary>
    private async Task AllEndedAsync()
    {
        while (true)
        {
            JobTransaction? next;
            lock (_sync)
                next = _jobs.Find(job => job.Transaction is { IsOwn: false, Ended.IsCompleted: false })?.Transaction;
            if (next is null)
                return;
            await next.Ended;
        }
    }

    /// <summary>Call under the lock: the job's transaction has been cancelled, or has failed. It ends, whether or not its targets answer.</summary>
    private void BeginPatience(Job job, List<Action> wakeUps)
    {
        JobTransaction transaction = job.Transaction!;
        // The node's end has a patience of its own, for all of them.
        if (transaction.IsOwn || transaction.IsToEnd || _ending is not null)
            return;
        transaction.IsToEnd = true;
        wakeUps.Add(() => _run($"patience with job {job.Name}", () => GiveUpInTimeAsync(transaction)));
    }

    private Task GiveUpInTimeAsync(JobTransaction transaction) =>
        GiveUpAfterAsync(Limits.CancelPatience, transaction.Ended, () => GiveUp(job => job.Transaction == transaction));

    private async Task GiveUpAfterAsync(TimeSpan patience, Task ended, Action giveUp)
    {
        if (!ended.IsCompleted)
        {
            using var limit = new CancellationTokenSource();
            Task expired = Task.Delay(patience, _time, limit.Token);
            if (await Task.WhenAny(ended.OwnAsync(), expired) == expired)
                giveUp();
            else
                limit.Cancel();
        }

        await ended;
    }

    private void GiveUp(Predicate<Job> which)
    {
        Job[] given;
        lock (_sync)
            given = [.. _jobs.Where(job => which(job) && !job.Transaction!.Ended.IsCompleted)];
        foreach (Job job in given)
            job.Work.GiveUp();
    }
}
