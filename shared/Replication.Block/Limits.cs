namespace Replication.Block;

/// <summary>The named limits of this project's queues, pools and windows, each with its reason.</summary>
internal static class Limits
{
    /// <summary>
    /// Lock entries kept for reuse. The lock scans its entries one by one, which is the fastest way for the few hundred requests that all
    /// connections of a disk have in flight; beyond this many the surplus entries are left to the collector.
    /// </summary>
    public const int RangeLockPooledEntries = 512;

    /// <summary>Counters of a gate: enough that the connection threads of a busy VM rarely share a cache line, few enough to add up in a microsecond.</summary>
    public const int GateShards = 16;

    /// <summary>Words in a leaf of a bitmap: 4 KiB, which marks 128 MiB of disk at 4 KiB blocks.</summary>
    public const int BitmapLeafWords = 512;

    /// <summary>
    /// Threads that wait for devices on behalf of all disks of a process: one fdatasync of each of three disks and one of a fourth kind of work at a time.
    /// </summary>
    public const int BlockingThreads = 4;

    /// <summary>
    /// Blocking jobs that may wait for a thread. A connection has a bounded number of requests in flight, so only many connections that do nothing but flush
    /// come here; beyond it the caller's own thread does the work, which is back pressure on just those connections.
    /// </summary>
    public const int BlockingQueueLength = 1024;

    /// <summary>Zeroing up to this much runs on the caller's thread: fallocate of 1 MiB takes microseconds, of 1 GiB on tmpfs milliseconds.</summary>
    public const long ZeroInlineBytes = 1 << 20;

    /// <summary>
    /// Zeroes are written in pieces of this size where the file system cannot zero by itself: large enough for few calls, small enough for the cache.
    /// </summary>
    public const int ZeroPieceBytes = 256 << 10;

    /// <summary>
    /// The most that one failed local write has copied to the mirror again, while its range is locked: a guest's largest write is 32 MiB on the wire.
    /// </summary>
    public const long RepairBytes = 32 << 20;

    /// <summary>
    /// Bytes of bitmap words that one update writes at once: one page, which marks 128 MiB at 4 KiB blocks, so that a large trim takes few calls.
    /// </summary>
    public const int BitmapUpdateBytes = 4096;

    /// <summary>
    /// Adjacent blocks that undo, commit and compare copy with one read and one write: beyond it the call's own cost no longer shows, and the cache does.
    /// </summary>
    public const int CopyRunBytes = 256 << 10;

    /// <summary>
    /// Under <c>Durability: power</c> a commit step holds this much: its flushes cost as much as copying some MiB, and a guest's write may wait for one step.
    /// </summary>
    public const long PowerCommitBytes = 4 << 20;

    /// <summary>How far apart the blocks of such a step may lie: all of it is locked meanwhile.</summary>
    public const long PowerCommitSpanBytes = 64 << 20;

    /// <summary>
    /// Under <c>Durability: power</c>, where the secondary disk's flush is slow: what a checkpoint keeps in the next epoch's
    /// hidden disk instead. Copied and flushed there well within the default deadline.
    /// </summary>
    public const long CarriedBytes = 32 << 20;

    /// <summary>
    /// How long a checkpoint waits for the flush ahead of it, as long as the mirror waits for one;
    /// nobody is held meanwhile, but a promotion waits for its turn.
    /// </summary>
    public static readonly TimeSpan FlushAheadPatience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the end of a commit holds up the guest at a time, where a request is under way that does not
    /// end: as long as the default deadline lets a guest wait for a peer.
    /// </summary>
    public static readonly TimeSpan DetachHold = TimeSpan.FromMilliseconds(500);

    /// <summary>Between two such tries the guest goes on: four fifths of the time are its own.</summary>
    public static readonly TimeSpan DetachRest = TimeSpan.FromSeconds(2);

    /// <summary>One part in so many of the overlay limit is the guest's reserve: enough to go on for a while, too little to miss.</summary>
    public const int OverlayReserveShare = 16;

    /// <summary>The largest reserve: some seconds of a busy guest's first writes, within which a checkpoint, or a failover, makes room.</summary>
    public const long OverlayReserveBytes = 64 << 20;

    /// <summary>The reserve is given up and filled in pieces: few calls, and little is lost to other users of a full file system.</summary>
    public const long ReservePieceBytes = 64 << 10;

    /// <summary>How much of an old overlay is given back in one step: freeing 1 GiB of tmpfs at once stops every guest of the host for milliseconds.</summary>
    public const long RetireStepBytes = 1 << 20;

    /// <summary>A manifest longer than this is not ours: it lists disks and generations, some hundred bytes each.</summary>
    public const int ManifestBytes = 4 << 20;

    /// <summary>Objects of waiting guest writes that a quorum keeps for reuse: as many as all connections of a disk usually have in flight.</summary>
    public const int QuorumPooledAcknowledgements = 512;

    /// <summary>
    /// A longer zeroing or trim is not forwarded while mirrored: it completes locally and follows in the background. The
    /// peer makes undo copies of what it zeroes, and has a deadline for the answer.
    /// </summary>
    public const long ForwardedZeroBytes = 8 << 20;

    /// <summary>Objects of forwarded writes that a primary's filter keeps for reuse: as many as all connections of a disk usually have in flight.</summary>
    public const int FilterPooledForwards = 512;
}
