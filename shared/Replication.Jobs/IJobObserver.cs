using Replication.Block;

namespace Replication.Jobs;

/// <summary>Told of what happens to jobs, in order, one call after the other, outside of every lock. Jobs without a name are not told of.</summary>
public interface IJobObserver
{
    void StatusChanged(JobInfo job);

    /// <summary>Its work is done and is kept done.</summary>
    void BecameReady(JobInfo job);

    /// <summary>It waits for <c>finalize</c>.</summary>
    void BecamePending(JobInfo job);

    /// <summary>It has ended: well, or with <see cref="JobInfo.Failure"/>, which is no cancellation.</summary>
    void Completed(JobInfo job);

    /// <summary>It has ended because it, or its transaction, was cancelled.</summary>
    void Cancelled(JobInfo job);

    /// <summary>One of its copies has failed.</summary>
    void Failed(JobInfo job, BlockOperation operation, ErrorAction action);
}
