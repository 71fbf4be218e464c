using Replication.Block.State;

namespace Replication.Roles.Tests.Pair;

/// <summary>The control connection to the other node, which a test can cut, and whose replies it can lose.</summary>
internal sealed class PeerLink : IReplicationPeer
{
    private int _refused; // Interlocked
    private int _asked; // Interlocked
    private int _hanging; // Interlocked

    public GroupNode? Target { get; set; }

    /// <summary>Calls that did not arrive.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>What the overlay is said to have room for; null: what it has.</summary>
    public long? OverlayFreeBytes { get; set; }

    /// <summary>What becomes of the digests that it answers.</summary>
    public Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>? AnswerDigests { get; set; }

    /// <summary>Where the peer says that it stands; null: where it does.</summary>
    public PeerPosition? Position { get; set; }

    /// <summary>How often it was asked where it stands, and whether it answered or not.</summary>
    public int Asked => Volatile.Read(ref _asked) + Refused;

    /// <summary>Calls do not arrive.</summary>
    public bool IsCut { get; set; }

    /// <summary>Calls of this name are never answered.</summary>
    public string? HangAt { get; set; }

    /// <summary>How many of them there have been.</summary>
    public int Hanging => Volatile.Read(ref _hanging);

    /// <summary>The next call of this name arrives and is carried out, but its reply is lost.</summary>
    public string? LoseReplyOf { get; set; }

    /// <summary>What happens once, when the next call of this name has been carried out, before its reply.</summary>
    public (string Name, Action Action)? AfterCallOf { get; set; }

    /// <summary>The next call of this name is carried out, and its reply is on its way until then.</summary>
    public (string Name, Task Until)? DelayReplyOf { get; set; }

    public Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken) => Call(nameof(AttachMirrorAsync), async peer =>
    {
        AttachReply reply = await peer.AttachMirrorAsync(request, cancellationToken);
        return OverlayFreeBytes is { } freeBytes ? reply with { OverlayFreeBytes = freeBytes } : reply;
    }, cancellationToken);

    public Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) =>
        Call(nameof(DetachMirrorAsync), peer => peer.DetachMirrorAsync(session, cancellationToken), cancellationToken);

    public Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) =>
        Call(nameof(CompleteSyncAsync), peer => peer.CompleteSyncAsync(session, cancellationToken), cancellationToken);

    public Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken) =>
        Call(nameof(GetDigestsAsync), async peer =>
        {
            ReadOnlyMemory<byte> digests = await peer.GetDigestsAsync(session, disk, offsetBytes, lengthBytes, pieceBytes, cancellationToken);
            return AnswerDigests?.Invoke(digests) ?? digests;
        }, cancellationToken);

    public Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Call(nameof(CommitCheckpointAsync), peer => peer.CommitCheckpointAsync(request, cancellationToken), cancellationToken);

    public Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) =>
        Call(nameof(StopReplicationAsync), peer => peer.StopReplicationAsync(request, cancellationToken), cancellationToken);

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken) => Call(nameof(GetPositionAsync), peer =>
    {
        Interlocked.Increment(ref _asked);
        return Position is { } position ? Task.FromResult(position) : peer.GetPositionAsync(group, cancellationToken);
    }, cancellationToken);

    public Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken) =>
        Call(nameof(HoldAsync), peer => peer.HoldAsync(group, generation, lease, cancellationToken), cancellationToken);

    public Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken) =>
        Call(nameof(ReleaseAsync), peer => peer.ReleaseAsync(fencedBy, cancellationToken), cancellationToken);

    private async Task<T> Call<T>(string name, Func<IReplicationPeer, Task<T>> call, CancellationToken cancellationToken)
    {
        if (HangAt == name)
        {
            Interlocked.Increment(ref _hanging);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        if (IsCut || Target is null)
        {
            Interlocked.Increment(ref _refused);
            throw new VerbException(VerbFailure.Unreachable, "the peer cannot be reached");
        }

        T result = await call(Target);
        if (AfterCallOf is { } after && after.Name == name)
        {
            AfterCallOf = null;
            after.Action();
        }

        if (DelayReplyOf is { } delay && delay.Name == name)
        {
            DelayReplyOf = null;
            await delay.Until.WaitAsync(cancellationToken);
        }

        if (LoseReplyOf != name)
            return result;
        LoseReplyOf = null;
        throw new VerbException(VerbFailure.Unreachable, "the reply was lost");
    }

    private Task<bool> Call(string name, Func<IReplicationPeer, Task> call, CancellationToken cancellationToken) => Call(name, async peer =>
    {
        await call(peer);
        return true;
    }, cancellationToken);
}
