using Replication.Block.State;

namespace Replication.Roles;

/// <summary>How <c>start</c> brings the secondary up to date. Values are on the wire.</summary>
public enum SyncMode
{
    /// <summary>Only what differs, found by digests; holes do not travel.</summary>
    Auto = 1,

    /// <summary>Everything that is allocated.</summary>
    Full = 2,

    /// <summary>Nothing: the caller vouches for equal disks.</summary>
    None = 3,
}

/// <summary>How the pair's checkpoint ended, as its caller knows. Values are on the wire.</summary>
public enum CheckpointOutcome
{
    Committed = 1,
    Aborted = 2,
    Unknown = 3,
}

public sealed record StartResult(Generation Generation, ulong Epoch, long SyncedBytes, TimeSpan Elapsed);

/// <param name="SyncedBytes">What travelled.</param>
/// <param name="Elapsed">From the verb to the secondary that lacks nothing.</param>
public sealed record ResyncResult(long SyncedBytes, TimeSpan Elapsed);

/// <param name="DifferingBytes">Bytes of blocks that differed while nothing was on its way to them.</param>
/// <param name="RepairedBytes">Those of them that were overwritten with the primary's content.</param>
/// <param name="Elapsed">What the comparison took.</param>
public sealed record VerifyResult(long DifferingBytes, long RepairedBytes, TimeSpan Elapsed);

/// <param name="Generation">The generation that is in force now.</param>
/// <param name="Serving">From the verb to the first request that could be served.</param>
/// <param name="PrimaryFenced">The old primary confirmed that it has stopped.</param>
/// <param name="Lost">What a forced failover gave up; null where nothing is lost.</param>
public sealed record FailoverResult(Generation Generation, TimeSpan Serving, bool PrimaryFenced, string? Lost);

/// <summary>What the primary had told its secondary when the hold was complete.</summary>
/// <param name="Epoch">The epoch that the commit begins.</param>
/// <param name="Generation">The primary's generation.</param>
/// <param name="Session">Token of the mirror session.</param>
/// <param name="AnsweredWrites">Mirrored writes and zeroings of the session that have been answered.</param>
/// <param name="DrainedBytes">Forwarded bytes that the call waited for.</param>
/// <param name="Drain">Time spent draining.</param>
public sealed record BegunCheckpoint(ulong Epoch, Generation Generation, Guid Session, ulong AnsweredWrites, long DrainedBytes, TimeSpan Drain)
{
    /// <summary>Random: tells this checkpoint from an earlier one to the same epoch whose commit may still be on its way.</summary>
    public Guid Attempt { get; init; }

    /// <summary>What the secondary is asked to commit.</summary>
    public CommitRequest ToCommit() => new(Generation, Epoch, Session, AnsweredWrites) { Attempt = Attempt };
}

/// <summary>What <c>CommitCheckpoint</c> is asked; see <see cref="BegunCheckpoint"/>.</summary>
public sealed record CommitRequest(Generation Generation, ulong Epoch, Guid Session, ulong AnsweredWrites)
{
    /// <summary>The begun checkpoint's; a repetition repeats it.</summary>
    public Guid Attempt { get; init; }
}
