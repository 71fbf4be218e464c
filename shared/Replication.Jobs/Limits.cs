namespace Replication.Jobs;

/// <summary>Named limits of this project, each with its reason.</summary>
internal static class Limits
{
    /// <summary>The longest wait for the speed limit before it is looked at again: a new speed, a pause and a cancellation are noticed within it.</summary>
    public static readonly TimeSpan PaceStep = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait for writes under way when all disks are held still: a guest's next write waits as long.</summary>
    public static readonly TimeSpan HoldStill = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a cancelled job's target may take for what is under way, before it is cut off: longer than any disk that works, and nothing of it counts.
    /// </summary>
    public static readonly TimeSpan CancelPatience = TimeSpan.FromSeconds(10);

    /// <summary>The same at the node's end: less than its guests are drained, for their writes may wait for that target.</summary>
    public static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    /// <summary>The rest of a backup after an error that it is to ignore: a disk that answers with errors at once must not keep a processor busy.</summary>
    public static readonly TimeSpan IgnoredErrorRest = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest piece that a backup reads and writes at once: its memory is this for each worker.</summary>
    public const int CopyBytes = 1 << 20;

    /// <summary>The longest copy while the guest writes, one unit of it: a write waits for no longer one, nor for the processor that it runs on.</summary>
    public const int BesideGuestBytes = ClusterBytes;

    /// <summary>The longest piece that the kernel is asked to copy at once, QEMU's: a pause and a cancellation wait for it.</summary>
    public const int OffloadBytes = 16 << 20;

    /// <summary>Characters of a node's name, QEMU's.</summary>
    public const int NodeNameLength = 31;

    /// <summary>Jobs in the list, concluded ones that nobody has dismissed included: each holds its disk's blockers and its target.</summary>
    public const int Jobs = 256;

    /// <summary>Nodes beside the disks: each job has one for its target, or two.</summary>
    public const int GraphNodes = 512;

    /// <summary>Characters of a job's name: it stands in every message about the job.</summary>
    public const int IdLength = 128;

    /// <summary>How long a program may take to open an image: one that was not closed is checked first, all of its tables.</summary>
    public static readonly TimeSpan ImageOpenDeadline = TimeSpan.FromSeconds(60);

    /// <summary>Between two looks whether it listens yet: a start of the program takes tens of milliseconds.</summary>
    public static readonly TimeSpan ImageOpenStep = TimeSpan.FromMilliseconds(10);

    /// <summary>Memory that such a program keeps for its next requests: more than the 16 of <see cref="CopyBytes"/> that it takes up at once.</summary>
    public const long ImageKeptBytes = 32 << 20;

    /// <summary>How long it may take to close one. What counts was flushed before, so that what is killed then loses nothing of a completed backup.</summary>
    public static readonly TimeSpan ImageCloseDeadline = TimeSpan.FromSeconds(60);

    /// <summary>What is kept of a program's messages: the first one is shown.</summary>
    public const int ErrorCharacters = 4096;

    /// <summary>
    /// How long a fleecing export stays where nobody says how long, or renews it: one that is forgotten costs every first write of the guest.
    /// </summary>
    public static readonly TimeSpan FleeceLease = TimeSpan.FromHours(1);

    /// <summary>The longest lease; who reads for longer renews it.</summary>
    public static readonly TimeSpan LongestFleeceLease = TimeSpan.FromDays(7);

    /// <summary>How long a guest's write waits for its old content to be kept for a reader: guests give their disks up after 30 s.</summary>
    public static readonly TimeSpan FleeceCbwTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Connections to one fleecing export: copying programs make some each, and a guest that comes back must find one of the listener's 100.</summary>
    public const int FleeceReaders = 16;

    /// <summary>Fleecing exports at once: each is a job with its target, and a name in every listing.</summary>
    public const int Fleeces = 64;

    /// <summary>The smallest cluster of a backup, QEMU's: smaller ones would cost more in requests than they save in bytes.</summary>
    public const int ClusterBytes = 64 << 10;
}
