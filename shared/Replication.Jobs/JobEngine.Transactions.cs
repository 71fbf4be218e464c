using Replication.Block;

namespace Replication.Jobs;

/// <remarks>
/// How jobs end. A job whose work has succeeded is <c>waiting</c> until the others' has; the first that fails or is cancelled takes all with it. Then all are
/// <c>pending</c>, and finalised: prepared, which may fail; decided; committed, which may not. Nothing of a transaction ends before all of its work has.
/// </remarks>
public sealed partial class JobEngine
{
    private async Task RunAsync(Job job)
    {
        JobFailure? failure = null;
        try
        {
            await job.Work.RunAsync(new JobContext(this, job));
        }
        catch (BlockException e)
        {
            failure = JobFailure.Of(e);
        }
        catch (OperationCanceledException) when (job.Cancellation.IsCancellationRequested)
        {
            failure = JobFailure.Cancelled;
        }

        List<Action> wakeUps = [];
        lock (_sync)
            End(job, failure ?? (job.IsCancelled ? JobFailure.Cancelled : null), wakeUps);
        _outbox.Tell();
        Run(wakeUps);
    }

    /// <summary>Call under the lock: the work of a job has ended, or will never begin.</summary>
    private void End(Job job, JobFailure? failure, List<Action> wakeUps)
    {
        JobTransaction transaction = job.Transaction!;
        job.HasEnded = true;
        if (failure is null)
            Move(job, JobStatus.Waiting);
        else
            Fail(job, failure, wakeUps);
        if (transaction.HasFailed)
            EndFailed(transaction, wakeUps);
        else if (transaction.AllHaveEnded)
            BecomePending(transaction, wakeUps);
    }

    /// <summary>Call under the lock: all others are cancelled with it. Their own failures, if they come first, stay theirs.</summary>
    private void Fail(Job job, JobFailure failure, List<Action> wakeUps)
    {
        job.Fail(failure);
        Move(job, JobStatus.Aborting);
        if (job.Transaction!.HasFailed)
            return;
        job.Transaction.HasFailed = true;
        foreach (Job other in job.Transaction.Jobs.Where(other => other != job))
            CancelOne(other, wakeUps);
        BeginPatience(job, wakeUps);
    }

    /// <summary>Call under the lock.</summary>
    private void Cancel(Job job, List<Action> wakeUps)
    {
        JobTransaction transaction = job.Transaction!;
        CancelOne(job, wakeUps);
        // Work that runs ends by itself and takes the others with it; what has ended, or never begins, says so here.
        if (job.HasEnded && !transaction.IsFinalizing)
        {
            if (!transaction.HasFailed)
            {
                transaction.HasFailed = true;
                foreach (Job other in transaction.Jobs.Where(other => other != job))
                    CancelOne(other, wakeUps);
            }

            EndFailed(transaction, wakeUps);
        }
    }

    /// <summary>Call under the lock.</summary>
    private void CancelOne(Job job, List<Action> wakeUps)
    {
        job.IsCancelled = true;
        if (job.Status == JobStatus.Created)
            job.HasEnded = true;
        if (job.HasEnded)
        {
            job.Fail(JobFailure.Cancelled);
            // While its transaction is being finalised its status changes with that.
            if (job.Status != JobStatus.Aborting && !job.Transaction!.IsFinalizing)
                Move(job, JobStatus.Aborting);
            return;
        }

        // It wakes, to end.
        job.Pauses = 0;
        job.IsPausedByUser = false;
        wakeUps.Add(job.Cancellation.Cancel);
        Wake(job, wakeUps);
    }

    /// <summary>Call under the lock.</summary>
    private void BecomePending(JobTransaction transaction, List<Action> wakeUps)
    {
        foreach (Job job in transaction.Jobs)
            Move(job, JobStatus.Pending);
        foreach (Job job in transaction.Jobs.Where(job => !job.Options.AutoFinalize))
            Put(job, (observer, info) => observer.BecamePending(info));
        if (transaction.Jobs.TrueForAll(job => job.Options.AutoFinalize))
            Finalize(transaction, wakeUps);
    }

    /// <summary>Call under the lock.</summary>
    private void EndFailed(JobTransaction transaction, List<Action> wakeUps)
    {
        if (transaction.AllHaveEnded && transaction.HasBegun && !transaction.IsFinalizing)
            Finalize(transaction, wakeUps);
    }

    /// <summary>Call under the lock: from here on the transaction's end is one piece of work.</summary>
    private void Finalize(JobTransaction transaction, List<Action> wakeUps)
    {
        transaction.IsFinalizing = true;
        if (!transaction.IsOwn)
            wakeUps.Add(() => _run($"the end of job {transaction.Jobs[0].Name}", () => FinalizeAsync(transaction)));
    }

    private async Task FinalizeAsync(JobTransaction transaction)
    {
        bool succeeds = !transaction.HasFailed && await DecideAsync(transaction);
        foreach (Job job in transaction.Jobs)
        {
            await (succeeds ? job.Work.CommitAsync() : job.Work.AbortAsync());
            await job.Work.CleanAsync();
            lock (_sync)
                Conclude(job);
            _outbox.Tell();
        }

        transaction.Over();
    }

    /// <summary>True: everything that could fail has been done, and it is on record that all succeed.</summary>
    private async ValueTask<bool> DecideAsync(JobTransaction transaction)
    {
        Job culprit = transaction.Jobs[0];
        JobFailure? failure = null;
        try
        {
            foreach (Job job in transaction.Jobs)
            {
                culprit = job;
                await job.Work.PrepareAsync();
            }

            culprit = transaction.Jobs[0];
            lock (_sync)
                transaction.IsDecided = !transaction.Jobs.Exists(job => job.IsCancelled);
            if (transaction is { IsDecided: true, Decide: { } decide })
                await decide();
        }
        catch (IOException e)
        {
            failure = JobFailure.Of(e);
        }

        List<Action> wakeUps = [];
        lock (_sync)
        {
            if (failure is null && transaction.IsDecided)
                return true;
            if (failure is not null)
                culprit.Fail(failure);
            transaction.HasFailed = true;
            foreach (Job job in transaction.Jobs)
            {
                job.Fail(JobFailure.Cancelled);
                Move(job, JobStatus.Aborting);
            }

            BeginPatience(culprit, wakeUps);
        }

        _outbox.Tell();
        Run(wakeUps);
        return false;
    }

    /// <summary>Call under the lock.</summary>
    private void Conclude(Job job)
    {
        // It has ended with that, whether or not anybody looks at the list.
        if (job.Failure is { IsCancellation: true })
            Put(job, (observer, info) => observer.Cancelled(info));
        else
            Put(job, (observer, info) => observer.Completed(info));
        Move(job, JobStatus.Concluded);
        if (job.Options.AutoDismiss || job.Options.Id is null)
            Remove(job);
    }
}
