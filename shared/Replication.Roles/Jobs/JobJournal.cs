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
        if (job.Failure is { } failure)
            Publish(EventTypes.JobCompleted, job, ("errno", failure.Errno), ("message", failure.Message));
        else
            Publish(EventTypes.JobCompleted, job);
    }

    public void Cancelled(JobInfo job) => Publish(EventTypes.JobCancelled, job);

    public void Failed(JobInfo job, BlockOperation operation, ErrorAction action) =>
        journal.Publish(EventTypes.JobError, ("job", job.Id), ("operation", Word(operation)), ("action", Word(action)));

    private void Publish(string type, JobInfo job, params ReadOnlySpan<(string Name, object Value)> more)
    {
        List<(string Name, object Value)> fields =
        [
            ("job", job.Id), ("jobType", Word(job.Type)), ("offsetBytes", job.OffsetBytes), ("lengthBytes", job.LengthBytes),
            ("speed", job.SpeedBytesPerSecond),
        ];
        // Of which checkpoint a backup is worth something beside the other disks' and the other node's.
        if (job.Backup is { } backup)
            fields.Add(("epoch", backup.Epoch));
        journal.Publish(type, [.. fields, .. more]);
    }

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
