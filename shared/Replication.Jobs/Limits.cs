namespace Replication.Jobs;

/// <summary>Named limits of this project, each with its reason.</summary>
internal static class Limits
{
    /// <summary>The longest wait for the speed limit before it is looked at again: a new speed, a pause and a cancellation are noticed within it.</summary>
    public static readonly TimeSpan PaceStep = TimeSpan.FromMilliseconds(100);

    /// <summary>Jobs in the list, concluded ones that nobody has dismissed included: each holds its disk's blockers and its target.</summary>
    public const int Jobs = 256;

    /// <summary>Characters of a job's name: it stands in every message about the job.</summary>
    public const int IdLength = 128;
}
