namespace Replication.Jobs.Backup;

/// <summary>What becomes of a guest's write whose old content could not be kept; QEMU's <c>on-cbw-error</c>.</summary>
public enum OnCbwError
{
    /// <summary>The guest gets the error, and the point in time stays whole.</summary>
    BreakGuestWrite,

    /// <summary>The write passes, and the point in time is lost: its readers get EACCES, its job fails.</summary>
    BreakSnapshot,
}
