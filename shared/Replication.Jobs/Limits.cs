namespace Replication.Jobs;

/// <summary>Named limits of this project, each with its reason.</summary>
internal static class Limits
{
    /// <summary>The longest wait for the speed limit before it is looked at again: a new speed, a pause and a cancellation are noticed within it.</summary>
    public static readonly TimeSpan PaceStep = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait for writes under way when all disks are held still: a guest's next write waits as long.</summary>
    public static readonly TimeSpan HoldStill = TimeSpan.FromMilliseconds(500);

    /// <summary>The rest of a backup after an error that it is to ignore: a disk that answers with errors at once must not keep a processor busy.</summary>
    public static readonly TimeSpan IgnoredErrorRest = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest piece that a backup reads and writes at once: its memory is this for each worker.</summary>
    public const int CopyBytes = 1 << 20;

    /// <summary>Jobs in the list, concluded ones that nobody has dismissed included: each holds its disk's blockers and its target.</summary>
    public const int Jobs = 256;

    /// <summary>Characters of a job's name: it stands in every message about the job.</summary>
    public const int IdLength = 128;
}
