using System.Runtime.ExceptionServices;
using Replication.Block;

namespace Replication.Jobs;

// Jobs of the node's own: the sync and the commit of a pair. They have no name, so no list shows them, no verb reaches them, and no observer is told of them.
public sealed partial class JobEngine
{
    /// <summary>
    /// Runs a job of the node's own in its caller's flow, and returns when it has succeeded: what its work throws, of whatever type, is thrown here as it was.
    /// It is not counted among the jobs that people may have: what keeps the pair together is not refused for their sake.
    /// </summary>
    /// <exception cref="OperationCanceledException">The job was cancelled, whether or not its work has succeeded meanwhile.</exception>
    /// <exception cref="JobException">Its work has succeeded, and could not be made visible.</exception>
    public async Task RunOwnAsync(JobOptions options, JobWork work, CancellationToken cancellationToken)
    {
        Job job = BeginOwn(options, work);
        ExceptionDispatchInfo? thrown = null;
        JobFailure? failure = null;
        using (cancellationToken.Register(() => CancelOwn(job)))
        {
            try
            {
                await work.RunAsync(new JobContext(this, job));
            }
            catch (Exception e)
            {
                thrown = ExceptionDispatchInfo.Capture(e);
                failure = e switch
                {
                    BlockException error => JobFailure.Of(error),
                    OperationCanceledException => JobFailure.Cancelled,
                    _ => new JobFailure(Errno.EIO, e.Message),
                };
            }
        }

        EndOwn(job, failure);
        await FinalizeAsync(job.Transaction!);
        thrown?.Throw();
        if (job.Failure is { IsCancellation: true } cancelled)
            throw new OperationCanceledException(cancelled.Message, job.Cancellation.Token);
        if (job.Failure is { } unprepared)
            throw new JobException(JobErrorClass.GenericError, unprepared.Message);
    }

    private Job BeginOwn(JobOptions options, JobWork work)
    {
        Invariant.Check(options is { Id: null, AutoFinalize: true }, "a job of the node's own has no name, and nobody finalises it");
        CheckSpeed(options.SpeedBytesPerSecond);
        lock (_sync)
        {
            Job job = Add(new JobTransaction(decide: null) { IsOwn = true, HasBegun = true }, options, work);
            Move(job, JobStatus.Running);
            return job;
        }
    }

    private void CancelOwn(Job job)
    {
        List<Action> wakeUps = [];
        lock (_sync)
        {
            // Later it has ended, one way or the other.
            if (!job.HasEnded)
                CancelOne(job, wakeUps);
        }

        Run(wakeUps);
    }

    private void EndOwn(Job job, JobFailure? failure)
    {
        List<Action> wakeUps = [];
        lock (_sync)
            End(job, failure ?? (job.IsCancelled ? JobFailure.Cancelled : null), wakeUps);
        Invariant.Check(wakeUps.Count == 0, "a job of the node's own wakes nobody at its end");
    }
}
