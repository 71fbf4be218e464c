namespace Replication.Roles;

/// <summary>Named limits of the roles, each with its reason.</summary>
internal static class Limits
{
    /// <summary>
    /// How long one question about generation and epoch may take while a restarted primary waits: as long as a node that does not answer counts as reachable.
    /// </summary>
    public static readonly TimeSpan PositionQuestionDeadline = TimeSpan.FromSeconds(5);

    /// <summary>Pause between two such questions: short against an operator's patience, long against a refused connection.</summary>
    public static readonly TimeSpan PositionQuestionInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Pause between two questions of a primary that has gone on alone, which looks for a second head: nothing waits for the answer, the peer is more often
    /// gone than not, and an operator who hears of two heads a few seconds after they can see each other has lost nothing.
    /// </summary>
    public static readonly TimeSpan RivalQuestionInterval = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long the record of a lost mirror takes on the primary's own disk at most, unless that hangs. What the peer has said before is relied on for as long
    /// as the question and this record may take; where more time has gone by this process was frozen, and asks again.
    /// </summary>
    public static readonly TimeSpan LossRecordPatience = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a restarted primary relies on its peer's confirmation, from the question on: a promotion that finds this process frozen waits as long for it,
    /// unless its operator has told it to wait less.
    /// </summary>
    public static readonly TimeSpan ConfirmationAge = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a sync waits for the secondary to say which ranges read as zeroes: some look-ups in a
    /// file's extents, beside whatever else its disk is busy with.
    /// </summary>
    public static readonly TimeSpan StatusQuestionDeadline = TimeSpan.FromSeconds(30);

    /// <summary>The median wait after the first attempt to come back that failed: a link that flaps is usually back by then.</summary>
    public static readonly TimeSpan ReconnectFirstWait = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest wait: short against the time that somebody who has mended a link is ready to wait.</summary>
    public static readonly TimeSpan ReconnectLongestWait = TimeSpan.FromSeconds(10);

    /// <summary>The longest rest between two copies beside a guest that writes: one that waited for a peer's hiccup is not paid for with seconds.</summary>
    public static readonly TimeSpan LongestGuestRest = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits that are calculated ahead: with each about twice the one before, the cap is reached long before the last.</summary>
    public const int ReconnectWaits = 12;

    /// <summary>How long a promotion waits for a primary that does not answer: the contract's bound for an unreachable node.</summary>
    public static readonly TimeSpan HoldQuestionDeadline = TimeSpan.FromSeconds(5);

    /// <summary>How long a primary holds its guest for a promotion: the two questions of the promotion and the record between them, with room.</summary>
    public static readonly TimeSpan PromotionLease = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long before the lease's end a promotion must be on record: the lease began when the question arrived, and clocks of two machines drift.
    /// </summary>
    public static readonly TimeSpan PromotionMargin = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a promotion waits for requests under way at the secondary's disk and overlays, with every other request held: what the lease leaves once the
    /// question and the margin are taken off. An undo copy that waits for a slow flush must not fail a failover; a disk that takes
    /// longer is none to fail over to, and then the node stays the running secondary that it was.
    /// </summary>
    public static readonly TimeSpan PromotionDrain = PromotionLease - HoldQuestionDeadline - PromotionMargin;

    /// <summary>
    /// How often the mirror is flushed ahead of a checkpoint's hold, as long as each time takes half as long as the
    /// last: what a guest writes during a long flush makes the next one shorter.
    /// </summary>
    public const int FlushesAhead = 4;

    /// <summary>A flush that takes less than one part in so many of the checkpoint's deadline need not be made shorter.</summary>
    public const int ShortFlushShare = 8;

    /// <summary>
    /// How often a first commit is tried that gets no answer within the mirror deadline: a secondary that is slow to
    /// wake gets a second chance, one that hangs does not keep start for long.
    /// </summary>
    public const int FirstCommitAttempts = 3;

    /// <summary>Unit of the primary's dirty marks where the overlays' block size is not configured: the same default.</summary>
    public const int MarksBlockBytes = 4 << 10;

    /// <summary>
    /// How often a hold is begun that finds long zeroing which came after the drain: a guest that trims all the time
    /// gets its checkpoint between two trims, one that never pauses fails it.
    /// </summary>
    public const int HoldAttempts = 16;

    /// <summary>
    /// A checkpoint waits for background copies for as long as they become less within this: a slow link copies
    /// some MiB in it, and a guest that outruns its link is told soon.
    /// </summary>
    public static readonly TimeSpan CopyPatience = TimeSpan.FromSeconds(10);

    /// <summary>Passes of a sync that leave no less than the ones before: one may have met a burst of the guest's, three in a row have not.</summary>
    public const int StalledPasses = 3;

    /// <summary>
    /// What one digest covers: small enough that one changed block does not send a megabyte, large enough that digests are 0.05 % of the data.
    /// </summary>
    public const int DigestPieceBytes = 64 << 10;

    /// <summary>What a verify narrows a difference down to: the smallest piece that a digest covers.</summary>
    public const int VerifiedBlockBytes = 4 << 10;

    /// <summary>
    /// The shortest run of zeroes that a verify passes over, and what it looks at in one step: a question to the secondary costs a round trip, and so much
    /// is read and digested in the time of several.
    /// </summary>
    public const int SkippedHoleBytes = 1 << 20;

    /// <summary>What one question about zeroes covers: a sparse disk of a TiB is a thousand questions, and its progress is seen.</summary>
    public const long HoleQuestionBytes = 1L << 30;

    /// <summary>Differences that a verify names by their places: enough to see a pattern, few enough for one line.</summary>
    public const int DifferencesNamed = 8;

    /// <summary>What one digest call covers: its reply stays at 8 KiB, its reading at a few milliseconds.</summary>
    public const int DigestCallBytes = 16 << 20;
}
