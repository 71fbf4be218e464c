using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Replication.Protos;
using Replication.Roles;
using static Replication.Control.Services.ServiceLimits;
using static Replication.Control.Services.WireValues;

namespace Replication.Control.Services;

/// <summary>What the other node of the pair asks: each call is one call of the node, its fields checked and converted.</summary>
internal sealed class PeerGrpcService(IReplicationNode node) : PeerService.PeerServiceBase
{
    public override Task<AttachMirrorResponse> AttachMirror(AttachMirrorRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Versions.Check(request.Versions);
        AttachReply reply = await node.AttachMirrorAsync(WireMessages.FromWire(request), context.CancellationToken);
        return new AttachMirrorResponse
        {
            Versions = ProtocolRange.Ours,
            Session = ToWire(reply.Session),
            Epoch = reply.Epoch,
            Stage = ToWire(reply.Stage),
            Generation = ToWire(node.GetStatus().Generation),
            OverlayFreeBytes = reply.OverlayFreeBytes,
            FoundPairId = ToWireOrNone(reply.FoundPairId),
            FlushesForCheckpoints = reply.FlushesForCheckpoints,
        };
    });

    public override Task<CompleteSyncResponse> CompleteSync(CompleteSyncRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        await node.CompleteSyncAsync(Session(request.Session), context.CancellationToken);
        return new CompleteSyncResponse();
    });

    public override Task<DetachMirrorResponse> DetachMirror(DetachMirrorRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        await node.DetachMirrorAsync(Session(request.Session), context.CancellationToken);
        return new DetachMirrorResponse();
    });

    public override Task<GetDigestsResponse> GetDigests(GetDigestsRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        ReadOnlyMemory<byte> digests = await node.GetDigestsAsync(
            Session(request.Session),
            Name(request.Disk, "disk"),
            InRange(request.OffsetBytes, 0, long.MaxValue - DigestRangeBytes, "offset_bytes"),
            InRange(request.LengthBytes, 1, DigestRangeBytes, "length_bytes"),
            PowerOfTwo(request.PieceBytes, MinDigestPieceBytes, MaxDigestPieceBytes, "piece_bytes"),
            context.CancellationToken);
        return new GetDigestsResponse { Digests = UnsafeByteOperations.UnsafeWrap(digests) };
    });

    public override Task<StopReplicationResponse> StopReplication(StopReplicationRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
        new StopReplicationResponse { Epoch = await node.StopReplicationAsync(WireMessages.FromWire(request), context.CancellationToken) });

    public override Task<GetGenerationResponse> GetGeneration(GetGenerationRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Versions.Check(request.Versions);
        PeerPosition position = await node.GetPositionAsync(Name(request.Group, "group"), context.CancellationToken);
        return new GetGenerationResponse
        {
            Role = ToWire(position.Role),
            Stage = ToWire(position.Stage),
            History = { position.History.Select(ToWire) },
            Epoch = position.Epoch,
            PairId = ToWireOrNone(position.PairId),
            Incarnation = ToWire(position.Incarnation),
        };
    });

    public override Task<HoldResponse> Hold(HoldRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        PeerPosition position = await node.HoldAsync(
            Name(request.Group, "group"), Generation(request.Generation, "generation"), Milliseconds(request.LeaseMs, 1, "lease_ms"),
            context.CancellationToken);
        return new HoldResponse
        {
            Stage = ToWire(position.Stage),
            Generation = ToWire(position.Generation),
            Epoch = position.Epoch,
            PairId = ToWireOrNone(position.PairId)
        };
    });

    public override Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        await node.ReleaseAsync(request.FencedBy is null ? null : Generation(request.FencedBy, "fenced_by"), context.CancellationToken);
        return new ReleaseResponse();
    });
}
