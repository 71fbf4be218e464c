using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Replication.Control.Services;
using Replication.Control.Tests.Services;

namespace Replication.Control.Tests.Peer;

/// <summary>What the outgoing peer would never send.</summary>
public sealed class PeerGrpcServiceTests
{
    private static readonly ByteString s_session = WireValues.ToWire(FakeNode.SomeSession);

    public static TheoryData<string, Func<PeerService.PeerServiceClient, Task>> BadRequests => new()
    {
        { "this node speaks 1 to 1, the other side 2 to 2", Attach(request => request.Versions = new ProtocolVersions { Minimum = 2, Maximum = 2 }) },
        { "group is empty", Attach(request => request.Group = "") },
        { "group is longer", Attach(request => request.Group = new string('g', 201)) },
        { "history's length is 0", Attach(request => request.History.Clear()) },
        { "history[1].parent_id has 1 bytes", Attach(request => request.History.Add(new Generation { Id = s_session, ParentId = ByteString.CopyFrom(1) })) },
        { "the number of disks is 0", Attach(request => request.Disks.Clear()) },
        { "the number of disks is 65", Attach(request => request.Disks.Add(Enumerable.Repeat(request.Disks[0], 64))) },
        { "disks[0].name is empty", Attach(request => request.Disks[0].Name = "") },
        { "disks[0].length_bytes is -512", Attach(request => request.Disks[0].LengthBytes = -512) },
        { "primary_control's length is 301", Attach(request => request.PrimaryControl = new string('p', 301)) },
        { "pair_id has 3 bytes", Attach(request => request.PairId = ByteString.CopyFrom(1, 2, 3)) },
        { "sync is 0", Attach(request => request.Sync = SyncMode.Unspecified) },
        { "session has 15 bytes", async peer => await peer.CompleteSyncAsync(new CompleteSyncRequest { Session = ByteString.CopyFrom(new byte[15]) }) },
        { "session has 17 bytes", async peer => await peer.DetachMirrorAsync(new DetachMirrorRequest { Session = ByteString.CopyFrom(new byte[17]) }) },
        { "disk is empty", Digests(request => request.Disk = "") },
        { "offset_bytes is -1", Digests(request => request.OffsetBytes = -1) },
        { "offset_bytes is 9223372036854775807", Digests(request => request.OffsetBytes = long.MaxValue) },
        { "length_bytes is 0", Digests(request => request.LengthBytes = 0) },
        { "length_bytes is 67108865", Digests(request => request.LengthBytes = (64 << 20) + 1) },
        { "piece_bytes is 2048", Digests(request => request.PieceBytes = 2048) },
        { "piece_bytes is 2097152", Digests(request => request.PieceBytes = 2 << 20) },
        { "piece_bytes is 5000", Digests(request => request.PieceBytes = 5000) },
        { "piece_bytes is -2147483648", Digests(request => request.PieceBytes = int.MinValue) },
        { "session has 0 bytes", async peer => await peer.StopReplicationAsync(new StopReplicationRequest { Generation = WireValues.ToWire(FakeNode.First) }) },
        { "group is empty", async peer => await peer.GetGenerationAsync(new GetGenerationRequest()) },
        { "the other side 9 to 9", async peer => await peer.GetGenerationAsync(new GetGenerationRequest { Group = "vm1", Versions = new ProtocolVersions { Minimum = 9, Maximum = 9 } }) },
        { "generation is missing", async peer => await peer.HoldAsync(new HoldRequest { Group = "vm1", LeaseMs = 1 }) },
        { "lease_ms is 0", async peer => await peer.HoldAsync(new HoldRequest { Group = "vm1", Generation = WireValues.ToWire(FakeNode.First) }) },
        { "fenced_by.id has 0 bytes", async peer => await peer.ReleaseAsync(new ReleaseRequest { FencedBy = new Generation() }) },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task A_field_that_cannot_be_meant_so_is_refused_by_name(string detail, Func<PeerService.PeerServiceClient, Task> call)
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call(host.Peer));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains(detail, e.Status.Detail);
        Assert.Null(host.Node.Called);
    }

    [Fact]
    public async Task An_attach_is_answered_with_the_nodes_generation_and_versions()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        AttachMirrorResponse response = await host.Peer.AttachMirrorAsync(NewAttach());
        Assert.Equal(WireValues.ToWire(FakeNode.Second), response.Generation);
        Assert.Equal((1u, 1u), (response.Versions.Minimum, response.Versions.Maximum));
    }

    private static AttachMirrorRequest NewAttach() => new()
    {
        Group = "vm1",
        History = { WireValues.ToWire(FakeNode.First) },
        Disks = { new DiskDescription { Name = "disk0", LengthBytes = 512 } },
        Sync = SyncMode.Auto,
    };

    private static Func<PeerService.PeerServiceClient, Task> Attach(Action<AttachMirrorRequest> spoil) => async peer =>
    {
        AttachMirrorRequest request = NewAttach();
        spoil(request);
        await peer.AttachMirrorAsync(request);
    };

    private static Func<PeerService.PeerServiceClient, Task> Digests(Action<GetDigestsRequest> spoil) => async peer =>
    {
        var request = new GetDigestsRequest { Session = s_session, Disk = "disk0", LengthBytes = 4096, PieceBytes = 4096 };
        spoil(request);
        await peer.GetDigestsAsync(request);
    };
}
