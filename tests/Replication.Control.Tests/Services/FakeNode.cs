using Replication.Block.State;
using Replication.Roles;

namespace Replication.Control.Tests.Services;

/// <summary>A node that notes what it was called with and answers what a test has set; <see cref="Fails"/> makes every verb throw.</summary>
internal sealed class FakeNode : IReplicationNode
{
    public static readonly Generation First = Generation.First(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
    public static readonly Generation Second = First.Next(Guid.Parse("ffeeddcc-bbaa-9988-7766-554433221100"), 9);
    public static readonly Guid SomeSession = Guid.Parse("0102030405060708090a0b0c0d0e0f10");
    public static readonly Guid SomeIncarnation = Guid.Parse("1112030405060708090a0b0c0d0e0f10");

    /// <summary>The last call's name and arguments.</summary>
    public object? Called { get; private set; }

    public CancellationToken Token { get; private set; }

    public Exception? Fails { get; set; }

    /// <summary>Set: calls wait for it, or for their token.</summary>
    public Task? Held { get; set; }

    public NodeStatus Status { get; set; } = new()
    {
        Group = "vm1",
        Role = NodeRole.Secondary,
        Stage = NodeStage.Running,
        Generation = Second,
        Epoch = 11,
        Mirror = MirrorState.Connected,
        MirrorTransport = "nbd",
        Disks = [new DiskStatus("disk0", 1 << 20, 1, 2, 3), new DiskStatus("disk1", 1L << 40, 4, 5, 6)],
        Error = "it hurts",
        Incomplete = true,
        Progress = new ProgressStatus("sync", 7, 8),
        CommitElapsedMs = 9,
        CommittedBytes = 10,
    };

    public string? Lost { get; set; }

    public Guid PairId { get; set; } = Guid.Parse("2122030405060708090a0b0c0d0e0f10");

    public IReadOnlyList<Generation> History { get; set; } = [First, Second];

    public NodeStatus GetStatus() => Fails is null ? Status : throw Fails;

    public Task<StartResult> StartAsync(NodeRole mode, SyncMode sync, bool abandonView, bool discardSecondary, CancellationToken cancellationToken) =>
        Answer(("start", mode, sync, abandonView, discardSecondary), new StartResult(Second, 12, 13, TimeSpan.FromMilliseconds(14)), cancellationToken);

    public Task<ResyncResult> ResyncAsync(bool abandonView, CancellationToken cancellationToken) =>
        Answer(("resync", abandonView), new ResyncResult(26, TimeSpan.FromMilliseconds(27)), cancellationToken);

    public Task<VerifyResult> VerifyAsync(bool repair, CancellationToken cancellationToken) =>
        Answer(("verify", repair), new VerifyResult(28, 29, TimeSpan.FromMilliseconds(30)), cancellationToken);

    public Task<ulong> CheckpointAsync(CancellationToken cancellationToken) => Answer("checkpoint", 15UL, cancellationToken);

    public Task<ulong> StopAsync(CancellationToken cancellationToken) => Answer("stop", 16UL, cancellationToken);

    public Task<FailoverResult> FailoverAsync(bool force, TimeSpan? patience, CancellationToken cancellationToken) =>
        Answer(("failover", force, patience), new FailoverResult(Second, TimeSpan.FromMilliseconds(1.5), true, Lost), cancellationToken);

    public Task<BegunCheckpoint> BeginCheckpointAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken) =>
        Answer(("begin", epoch, deadline), new BegunCheckpoint(17, First, SomeSession, 18, 19, TimeSpan.FromMilliseconds(2.5)), cancellationToken);

    public Task<(ulong Epoch, TimeSpan Hold)> EndCheckpointAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken) =>
        Answer(("end", epoch, outcome), (20UL, TimeSpan.FromMilliseconds(3.5)), cancellationToken);

    public Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken) =>
        Answer(request, new AttachReply(SomeSession, 21, NodeStage.Syncing) { OverlayFreeBytes = 31, FoundPairId = PairId }, cancellationToken);

    public Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) => Answer(("detach", session), 0, cancellationToken);

    public Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) => Answer(("complete", session), 0, cancellationToken);

    public Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken) =>
        Answer(("digests", session, disk, offsetBytes, lengthBytes, pieceBytes), new ReadOnlyMemory<byte>([1, 2, 3]), cancellationToken);

    public Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Answer(request, (22UL, TimeSpan.FromMilliseconds(4.5)), cancellationToken);

    public Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Answer(("stop replication", request), 23UL, cancellationToken);

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken) =>
        Answer(
            ("position", group), new PeerPosition(NodeRole.Secondary, NodeStage.Done, History, 24) { PairId = PairId, Incarnation = SomeIncarnation },
            cancellationToken);

    public Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken) =>
        Answer(
            ("hold", group, generation, lease), new PeerPosition(NodeRole.Primary, NodeStage.Replicating, [First, Second], 25) { PairId = PairId },
            cancellationToken);

    public Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken) => Answer(("release", fencedBy), 0, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<T> Answer<T>(object called, T answer, CancellationToken cancellationToken)
    {
        (Called, Token) = (called, cancellationToken);
        if (Held is not null)
            await Held.WaitAsync(cancellationToken);
        return Fails is null ? answer : throw Fails;
    }
}
