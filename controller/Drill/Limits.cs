namespace Replication.Controller.Drill;

/// <summary>Every number that bounds the drill, with its reason.</summary>
internal static class Limits
{
    /// <summary>The model holds two images of every disk in memory, each in one array; the overlays may hold as much again.</summary>
    public const long TotalDiskBytes = (2L << 30) - (1 << 20);

    /// <summary>Room for the largest request, and for a hot region that both guests share.</summary>
    public const long MinDiskBytes = 4L << 20;

    /// <summary>As many as a VM of this kind has; each is a connection and a lane of each guest.</summary>
    public const int Disks = 16;

    public const int Seconds = 24 * 3600;

    /// <summary>Largest request: what the mirror sends in one piece.</summary>
    public const int RequestBytes = 1 << 20;

    /// <summary>Requests in flight of a guest: enough to keep both nodes busy on two cores.</summary>
    public const int PrimaryLanes = 16;

    public const int SecondaryLanes = 8;

    /// <summary>One comparison: a range this long is kept free of the guest for as long as its read takes.</summary>
    public const int CheckBytes = 256 << 10;

    /// <summary>How often another place is drawn before a guest waits a moment.</summary>
    public const int Draws = 16;

    /// <summary>A node's way from its start to its ready line. Generous: a cold runtime on a busy machine.</summary>
    public static readonly TimeSpan Ready = TimeSpan.FromSeconds(30);

    /// <summary>SIGTERM to the end of the process.</summary>
    public static readonly TimeSpan Exit = TimeSpan.FromSeconds(15);

    /// <summary>A guest's requests in flight, when it is told to pause or its node is dead.</summary>
    public static readonly TimeSpan Drain = TimeSpan.FromSeconds(30);

    /// <summary>From the promotion to the last byte of the commit.</summary>
    public static readonly TimeSpan Commit = TimeSpan.FromSeconds(120);

    /// <summary>The nodes' mirror deadline in the drill: it judges bytes, not a busy machine's scheduling.</summary>
    public static readonly TimeSpan MirrorDeadline = TimeSpan.FromSeconds(5);

    /// <summary>A change of stage that comes by itself: several deadlines, and room for a busy machine.</summary>
    public static readonly TimeSpan Settle = TimeSpan.FromSeconds(30);

    /// <summary>Pause between two looks at a status.</summary>
    public static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Bytes that a relay takes from one side before it gives them to the other.</summary>
    public const int RelayBytes = 64 << 10;

    /// <summary>So many checkpoints in a row may fail before the drill gives up; a single one may meet a stall of the machine.</summary>
    public const int FailedCheckpoints = 3;
}
