namespace Replication.Roles.Mirror;

/// <summary>The named limits of a mirror session, each with its reason.</summary>
internal static class MirrorLimits
{
    /// <summary>The largest write on the wire: small enough that a slow link shows a reply well within the deadline, large enough to be cheap.</summary>
    public const int WritePieceBytes = 1 << 20;

    /// <summary>The largest zeroing on the wire: it costs the peer an undo copy of as much, within the deadline on any disk.</summary>
    public const int ZeroPieceBytes = 8 << 20;

    /// <summary>
    /// Requests of one link in flight, those included that wait for an overlapping one. It bounds the range lock's scan; 256 requests of 4 KiB keep a link of
    /// 10 GB/s busy at a round trip of 100 µs. What is beyond waits in order.
    /// </summary>
    public const int PiecesInFlight = 256;

    /// <summary>
    /// Zeroing pieces among them: the peer makes undo copies of 64 MiB for so many, in one batch perhaps, and must have answered within the deadline.
    /// </summary>
    public const int ZeroPiecesInFlight = 8;

    /// <summary>How far behind a zeroing that has its share in flight the link looks for writes that may pass it.</summary>
    public const int LookAhead = 16;

    /// <summary>What a forward costs the window at least, so that tiny ones and zeroing are bounded in number.</summary>
    public const int LeastCostBytes = 4096;

    /// <summary>
    /// Forward objects that a link keeps for reuse (250 bytes each): as many as the window has room for
    /// when all of them are small, as in mode `local` they may be.
    /// </summary>
    public const int PooledForwards = 16384;

    /// <summary>
    /// Copies of payloads that a session keeps for reuse, over all sizes: what a link of 10 Gbit/s has
    /// under way in some milliseconds, for half of the window's default.
    /// </summary>
    public const long PooledPayloadBytes = 32 << 20;

    /// <summary>The clock ticks this often within a deadline: what is measured is at most one tick early.</summary>
    public const int TicksPerDeadline = 20;

    /// <summary>The shortest tick: below, a timer only costs.</summary>
    public static readonly TimeSpan LeastTick = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// A peer that owes nothing but flushes and answers to questions is asked over another way whether it lives when nothing has come from it for so long, or
    /// for the deadline where that is longer: most devices have flushed by then, and a verb that waits has not tired anybody yet.
    /// </summary>
    public static readonly TimeSpan UnheardFor = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How often it is looked whether marks can be cleared: soon enough that an idle pair is clean when somebody looks, rarely enough to cost nothing.
    /// </summary>
    public static readonly TimeSpan CleaningInterval = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A pass over the marks comes no sooner than so many times the last one's duration: flushes of its own take a fifth of the peer's device at most.
    /// </summary>
    public const int RestPerFlush = 4;

    /// <summary>
    /// How long a busy pair rests for each mark that it had to write: a hundred times the write, so that marking the same blocks again takes 1 % of the time.
    /// </summary>
    public static readonly TimeSpan RestPerMark = TimeSpan.FromMicroseconds(100);

    /// <summary>The same with <c>Durability: power</c>, where a mark waits for a flush that it shares with others.</summary>
    public static readonly TimeSpan RestPerDurableMark = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest such rest: what is marked is what a resync copies, so it does not grow for longer than this.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Copies that may be unanswered beside a guest, or in the background: one under way while the next
    /// is read; more would only delay the guest's own forwards.
    /// </summary>
    public const int BackgroundCopiesInFlight = 2;

    /// <summary>
    /// Data of one copy while no guest writes: large enough to be cheap, small enough that a guest who begins finds 2 MiB in front of it at most.
    /// </summary>
    public const int CopyPieceBytes = 256 << 10;

    /// <summary>Copies of a sync that may be unanswered while no guest writes: 2 MiB fill a link of 1 Gbit/s at a round trip of 16 ms.</summary>
    public const int CopiesInFlight = 8;

    /// <summary>
    /// Data of one copy beside a guest: two of them keep a peer busy for about as long as a few of the guest's own
    /// writes do.
    /// </summary>
    public const int GuestCopyPieceBytes = 128 << 10;

    /// <summary>A hole that is copied beside a guest: the peer looks at as much old content.</summary>
    public const int GuestHolePieceBytes = 1 << 20;

    /// <summary>
    /// A guest that has forwarded nothing for so long is not waited on: it may find the copies of an idle guest in front of its next write, once.
    /// </summary>
    public static readonly TimeSpan GuestActiveFor = TimeSpan.FromSeconds(1);
}
