namespace Replication.Jobs;

/// <summary>A job as it was at one moment.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Type">What it does.</param>
/// <param name="Status">Where it is in its life.</param>
/// <param name="OffsetBytes">What is done.</param>
/// <param name="LengthBytes">What there is to do; it may grow.</param>
/// <param name="SpeedBytesPerSecond">0: no limit.</param>
/// <param name="IsPaused">Somebody, or an error with policy <c>stop</c>, has asked it to pause.</param>
/// <param name="IsBusy">Its work is under way at this moment: it neither stands nor rests.</param>
/// <param name="IoStatus">The error for which it was paused.</param>
/// <param name="AutoFinalize">See <see cref="JobOptions"/>.</param>
/// <param name="AutoDismiss">See <see cref="JobOptions"/>.</param>
/// <param name="Failure">Why it has not succeeded; null as long as it may.</param>
public sealed record JobInfo(
    string Id, JobType Type, JobStatus Status, long OffsetBytes, long LengthBytes, long SpeedBytesPerSecond, bool IsPaused, bool IsBusy, IoStatus IoStatus,
    bool AutoFinalize, bool AutoDismiss, JobFailure? Failure)
{
    /// <summary>Of a backup: what was asked for, and its moment; null for other jobs.</summary>
    public JobBackup? Backup { get; init; }

    /// <summary>Tells apart jobs of one name, one after the other, for as long as the engine lives: they are numbered from 1 as they are created.</summary>
    public long Number { get; init; }
}
