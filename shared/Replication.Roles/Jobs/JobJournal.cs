using Replication.Block;
using Replication.Jobs;

namespace Replication.Roles.Jobs;

/// <summary>What happens to jobs, on the numbered event stream: QEMU's events, in the stream's words.</summary>
internal sealed class JobJournal(INodeJournal journal) : IJobObserver
{
    public void StatusChanged(JobInfo job) => journal.Publish(EventTypes.JobStatusChange, ("job", job.Id), ("status", Word(job.Status)));

    public void BecameReady(JobInfo job) => Publish(EventTypes.JobReady, job);

    public void BecamePending(JobInfo job) => Publish(EventTypes.JobPending, job);

    public void Completed(JobInfo job)
    {
        if (job.Failure is not { } failure)
        {
            Publish(EventTypes.JobCompleted, job);
            return;
        }

        journal.Publish(
            EventTypes.JobCompleted, ("job", job.Id), ("jobType", Word(job.Type)), ("offsetBytes", job.OffsetBytes), ("lengthBytes", job.LengthBytes),
            ("speed", job.SpeedBytesPerSecond), ("errno", failure.Errno), ("message", failure.Message));
    }

    public void Cancelled(JobInfo job) => Publish(EventTypes.JobCancelled, job);

    public void Failed(JobInfo job, BlockOperation operation, ErrorAction action) =>
        journal.Publish(EventTypes.JobError, ("job", job.Id), ("operation", Word(operation)), ("action", Word(action)));

    private void Publish(string type, JobInfo job) => journal.Publish(
        type, ("job", job.Id), ("jobType", Word(job.Type)), ("offsetBytes", job.OffsetBytes), ("lengthBytes", job.LengthBytes), ("speed", job.SpeedBytesPerSecond));

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
