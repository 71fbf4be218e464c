using Replication.Block.Files;

namespace Replication.Jobs.Backup;

/// <summary>How a point in time is kept.</summary>
/// <param name="ClusterBytes">The unit of copying and tracking: a power of two.</param>
/// <param name="OnCbwError">What an error of a copy before a guest's write does.</param>
/// <param name="CbwTimeout">The longest wait of a guest's write for its copy, which then counts as ETIMEDOUT; zero: no limit.</param>
/// <param name="Offload">Copies data from the source to the target without looking at it for zeroes, as long as it can; null: nothing does.</param>
internal sealed record PointInTimeOptions(
    int ClusterBytes, OnCbwError OnCbwError = OnCbwError.BreakGuestWrite, TimeSpan CbwTimeout = default, CopyOffload? Offload = null)
{
    /// <summary>
    /// The most old content that the target may hold: the point in time is given up where it would be more, whatever the policy. 0: no limit.
    /// </summary>
    public long QuotaBytes { get; init; }

    /// <summary>The target holds a part that is laid over something else: zeroes are written there too, though they read as zeroes already.</summary>
    public bool IsPart { get; init; }
}
