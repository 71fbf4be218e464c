using Colo.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Control.Services;
using Replication.Protos;
using Replication.Roles;
using static Replication.Control.Services.WireValues;
using Generation = Replication.Block.State.Generation;
using NodeRole = Replication.Block.State.NodeRole;
using NodeStage = Replication.Block.State.NodeStage;

namespace Replication.Control.Peer;

/// <summary>The other node of the pair, over its control endpoint.</summary>
/// <remarks>
/// Every failure is a <see cref="VerbException"/> that names the address. One that is <see cref="VerbFailure.Unreachable"/> says nothing about whether the peer
/// did what it was asked: the calls are idempotent, and the peer's record is the truth. Nothing is tried
/// again here: only the role knows whether that is still wanted.
/// </remarks>
internal sealed class GrpcPeer : IReplicationPeer, IDisposable
{
    private readonly string _address;
    private readonly GrpcChannel _channel;
    private readonly PeerService.PeerServiceClient _peer;
    private readonly ReplicationService.ReplicationServiceClient _verbs;
    private readonly TimeSpan _answerWithin;
    private readonly TimeSpan _diskWorkWithin;
    private readonly TimeSpan _flushWithin;

    /// <param name="address"><c>http://HOST:PORT</c> or <c>unix:/path</c>; nothing is connected before the first call.</param>
    /// <exception cref="FormatException">It is neither.</exception>
    public GrpcPeer(string address) : this(address, PeerDeadlines.Answer, PeerDeadlines.DiskWork, PeerDeadlines.Flush)
    {
    }

    internal GrpcPeer(string address, TimeSpan answerWithin, TimeSpan diskWorkWithin, TimeSpan flushWithin)
    {
        _address = address;
        _channel = ControlChannel.Open(address);
        _peer = new PeerService.PeerServiceClient(_channel);
        _verbs = new ReplicationService.ReplicationServiceClient(_channel);
        (_answerWithin, _diskWorkWithin, _flushWithin) = (answerWithin, diskWorkWithin, flushWithin);
    }

    public async Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        AttachMirrorResponse response = await CallAsync(
            options => _peer.AttachMirrorAsync(WireMessages.ToWire(request), options), _diskWorkWithin, cancellationToken);
        return Read(() =>
        {
            Versions.Check(response.Versions);
            return new AttachReply(Session(response.Session), response.Epoch, Value<NodeStage>(response.Stage, "stage"))
            {
                OverlayFreeBytes = InRange(response.OverlayFreeBytes, 0, long.MaxValue, "overlay_free_bytes"),
                FoundPairId = IdOrNone(response.FoundPairId, "found_pair_id"),
                FlushesForCheckpoints = response.FlushesForCheckpoints,
            };
        });
    }

    public async Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) =>
        await CallAsync(options => _peer.DetachMirrorAsync(new DetachMirrorRequest { Session = ToWire(session) }, options), _diskWorkWithin, cancellationToken);

    public async Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) =>
        await CallAsync(options => _peer.CompleteSyncAsync(new CompleteSyncRequest { Session = ToWire(session) }, options), _flushWithin, cancellationToken);

    public async Task<ReadOnlyMemory<byte>> GetDigestsAsync(
        Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken)
    {
        var request =
            new GetDigestsRequest { Session = ToWire(session), Disk = disk, OffsetBytes = offsetBytes, LengthBytes = lengthBytes, PieceBytes = pieceBytes };
        GetDigestsResponse response = await CallAsync(options => _peer.GetDigestsAsync(request, options), _diskWorkWithin, cancellationToken);
        return response.Digests.Memory;
    }

    public async Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken)
    {
        CommitCheckpointResponse response = await CallAsync(
            options => _verbs.CommitCheckpointAsync(WireMessages.ToCommit(request), options), _answerWithin, cancellationToken);
        return (response.Epoch, TimeSpan.FromMilliseconds(response.CommitMs));
    }

    public async Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) =>
        (await CallAsync(options => _peer.StopReplicationAsync(WireMessages.ToStop(request), options), _answerWithin, cancellationToken)).Epoch;

    public async Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken)
    {
        var request = new GetGenerationRequest { Versions = ProtocolRange.Ours, Group = group };
        GetGenerationResponse response = await CallAsync(options => _peer.GetGenerationAsync(request, options), _answerWithin, cancellationToken);
        return Read(() => new PeerPosition(
            Value<NodeRole>(response.Role, "role"), Value<NodeStage>(response.Stage, "stage"), History(response.History, "history"), response.Epoch)
        {
            PairId = IdOrNone(response.PairId, "pair_id"),
            Incarnation = Id(response.Incarnation, "incarnation"),
        });
    }

    public async Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken)
    {
        var request = new HoldRequest { Group = group, Generation = ToWire(generation), LeaseMs = (long)Math.Ceiling(lease.TotalMilliseconds) };
        HoldResponse response = await CallAsync(options => _peer.HoldAsync(request, options), _answerWithin, cancellationToken);
        return Read(() => new PeerPosition(
            NodeRole.Primary, Value<NodeStage>(response.Stage, "stage"), [Generation(response.Generation, "generation")], response.Epoch)
        {
            PairId = IdOrNone(response.PairId, "pair_id"),
        });
    }

    public async Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken)
    {
        var request = new ReleaseRequest { FencedBy = fencedBy is { } generation ? ToWire(generation) : null };
        await CallAsync(options => _peer.ReleaseAsync(request, options), _answerWithin, cancellationToken);
    }

    public void Dispose() => _channel.Dispose();

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, TimeSpan within, CancellationToken cancellationToken)
    {
        try
        {
            using AsyncUnaryCall<T> running = call(new CallOptions(deadline: DateTime.UtcNow + within, cancellationToken: cancellationToken));
            return await running;
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (RpcException e)
        {
            throw new VerbException(VerbStatus.FailureOf(e.StatusCode), $"the peer at {ControlChannel.Explain(e, _address)}", e);
        }
    }

    private T Read<T>(Func<T> response)
    {
        try
        {
            return response();
        }
        catch (MalformedFieldException e)
        {
            throw new VerbException(
                VerbFailure.Failed, $"the peer at {_address} answered with something else than a node of this version does: {e.Message}", e);
        }
    }
}
