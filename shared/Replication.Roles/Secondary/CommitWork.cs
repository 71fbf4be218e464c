using Replication.Block;
using Replication.Block.Secondary;
using Replication.Jobs;

namespace Replication.Roles.Secondary;

/// <summary>
/// The active commit of a promotion, as a job of the node's own. It is ready when the overlays hold nothing: from then on the disks are kept as the view is,
/// and what is left is that the layers go.
/// </summary>
/// <remarks>It is not cancelled: a promoted node that ends leaves its commit to the next run of it (<see cref="CommitOutcome.Interrupted"/>).</remarks>
internal sealed class CommitWork(SecondaryGroup group) : JobWork, ICommitObserver
{
    private volatile JobContext? _job;

    /// <summary>How it ended; null before.</summary>
    public CommitResult? Result { get; private set; }

    /// <summary>For status; also when it has ended.</summary>
    public (long DoneBytes, long TotalBytes) Progress => _job?.Progress ?? default;

    public override async Task RunAsync(JobContext context)
    {
        _job = context;
        Result = await group.CommitAsync(this);
        if (Result.Outcome == CommitOutcome.Failed)
            throw Result.Error ?? new BlockException(BlockErrorKind.Io, Result.Disk ?? "", BlockOperation.Write, default, "the commit failed");
        if (Result.Outcome == CommitOutcome.Interrupted)
            throw new OperationCanceledException("the node ends, and the next run of it resumes the commit");
    }

    void ICommitObserver.Begun(long lengthBytes) => _job!.Grow(lengthBytes);

    void ICommitObserver.Advanced(long lengthBytes) => _job!.Advance(lengthBytes);

    Task ICommitObserver.ReadyAsync() => _job!.ReadyAsync();
}
