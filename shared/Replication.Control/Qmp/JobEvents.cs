using Replication.Block;
using Replication.Jobs;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>What happens to jobs, as QEMU's events.</summary>
internal sealed class JobEvents(Action<QmpEvent> publish) : IJobObserver
{
    public void StatusChanged(JobInfo job) => publish(QmpEvent.JobStatusChange(job.Id, QmpWords.Of(job.Status)));

    public void BecameReady(JobInfo job) =>
        publish(QmpEvent.BlockJobReady(QmpWords.Of(job.Type), job.Id, job.LengthBytes, job.OffsetBytes, job.SpeedBytesPerSecond));

    public void BecamePending(JobInfo job) => publish(QmpEvent.BlockJobPending(QmpWords.Of(job.Type), job.Id));

    public void Completed(JobInfo job) => publish(QmpEvent.BlockJobCompleted(
        QmpWords.Of(job.Type), job.Id, job.LengthBytes, job.OffsetBytes, job.SpeedBytesPerSecond, job.Failure?.Message));

    public void Cancelled(JobInfo job) =>
        publish(QmpEvent.BlockJobCancelled(QmpWords.Of(job.Type), job.Id, job.LengthBytes, job.OffsetBytes, job.SpeedBytesPerSecond));

    public void Failed(JobInfo job, BlockOperation operation, ErrorAction action) =>
        publish(QmpEvent.BlockJobError(job.Id, operation == BlockOperation.Read ? "read" : "write", QmpWords.Of(action)));
}
