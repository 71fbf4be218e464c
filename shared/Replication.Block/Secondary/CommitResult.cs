namespace Replication.Block.Secondary;

/// <summary>How a commit ended.</summary>
public enum CommitOutcome
{
    /// <summary>The layers are gone; the disks are the view.</summary>
    Done,

    /// <summary>A step failed: stage <c>failover-failed</c>, everything is served as before, and the commit can be called again.</summary>
    Failed,

    /// <summary>The group was closed; the next open resumes.</summary>
    Interrupted,
}

/// <param name="Outcome">How it ended.</param>
/// <param name="CommittedBytes">Put into the secondary disks by this call.</param>
/// <param name="Disk">The disk that failed.</param>
/// <param name="Error">What failed, with offset and errno.</param>
public sealed record CommitResult(CommitOutcome Outcome, long CommittedBytes, string? Disk = null, BlockException? Error = null);
