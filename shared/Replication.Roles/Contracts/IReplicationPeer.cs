using Replication.Block.State;

namespace Replication.Roles;

/// <param name="Group">Group name; must be the secondary's.</param>
/// <param name="History">The primary's generations, oldest first; the last one is in force.</param>
/// <param name="Epoch">The primary's epoch.</param>
/// <param name="Disks">Name and length in bytes of every disk of the group.</param>
/// <param name="PrimaryControl">Where the secondary reaches the primary; empty where unknown.</param>
/// <param name="Sync">How the primary will bring the secondary up to date.</param>
public sealed record AttachRequest(
    string Group, IReadOnlyList<Generation> History, ulong Epoch, IReadOnlyList<(string Name, long LengthBytes)> Disks, string PrimaryControl, SyncMode Sync)
{
    /// <summary>
    /// The secondary gives its view up, durably, and is no node to fail over to until the sync is done: what is missing does not fit its overlay.
    /// </summary>
    public bool AbandonView { get; init; }

    /// <summary>
    /// What the two will have in common once the sync is done: the id that both have on record, or a new one; empty: nothing that anybody may rely on later.
    /// </summary>
    public Guid PairId { get; init; }
}

/// <param name="Session">Token of the new session; the mirror export of a disk is NAME@TOKEN (32 hexadecimal digits).</param>
/// <param name="Epoch">The secondary's epoch: the truth, where the two differ.</param>
/// <param name="Stage">The secondary's stage after the attach.</param>
public sealed record AttachReply(Guid Session, ulong Epoch, NodeStage Stage)
{
    /// <summary>Bytes of old content that the overlay can still take: what bounds a sync that keeps the view.</summary>
    public long OverlayFreeBytes { get; init; } = long.MaxValue;

    /// <summary>
    /// The pair id that the secondary had on record when it was attached; whose it is, the position that was asked for before may not say any more.
    /// </summary>
    public Guid FoundPairId { get; init; }

    /// <summary>
    /// The secondary flushes its disks before each checkpoint's record (<c>Durability: power</c>): the primary asks for that ahead of its hold.
    /// </summary>
    public bool FlushesForCheckpoints { get; init; }
}

/// <summary>Where the other node stands, by its record.</summary>
public sealed record PeerPosition(NodeRole Role, NodeStage Stage, IReadOnlyList<Generation> History, ulong Epoch)
{
    /// <summary>The generation in force.</summary>
    public Generation Generation => History[^1];

    /// <summary>What its disks have in common with its peer's; empty: nothing that anybody relies on.</summary>
    public Guid PairId { get; init; }

    /// <summary>It has the same pair id on record as whoever asks: whatever has been this node's since, that one has told it, or has marked.</summary>
    public bool IsOfPair(Guid pairId) => PairId != Guid.Empty && PairId == pairId;

    /// <summary>It has a pair id on record, and it is another one.</summary>
    public bool IsOfOtherPairThan(Guid pairId) => PairId != Guid.Empty && PairId != pairId;

    /// <summary>Random, drawn when the node was opened: another one means that it has been restarted.</summary>
    public Guid Incarnation { get; init; }
}

/// <summary>
/// What the two nodes of a pair ask each other: implemented by the node (incoming) and by the control client (outgoing), so that two nodes can be put
/// face to face in one process. An unreachable peer is a <see cref="VerbException"/> with <see cref="VerbFailure.Unreachable"/>.
/// </summary>
public interface IReplicationPeer
{
    Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken);

    Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken);

    Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken);

    /// <summary>SHA-256 of each piece of a range of the secondary disk, 32 bytes a piece.</summary>
    Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken);

    /// <summary>The secondary's switch to the epoch. Returns the epoch and the time that it took.</summary>
    Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken);

    Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken);

    Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken);

    Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken);

    /// <param name="fencedBy">The new generation that is in force; null: the promotion did not happen.</param>
    /// <param name="cancellationToken">The caller's.</param>
    Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken);
}
