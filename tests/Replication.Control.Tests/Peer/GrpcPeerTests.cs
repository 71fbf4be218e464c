using System.Net;
using System.Net.Sockets;
using Replication.Block.State;
using Replication.Control.Peer;
using Replication.Control.Tests.Services;
using Replication.Roles;

namespace Replication.Control.Tests.Peer;

/// <summary>The outgoing peer against the incoming service: whatever one node asks, the other hears.</summary>
public sealed class GrpcPeerTests
{
    private static readonly AttachRequest s_attach = new(
        "vm1", [FakeNode.First, FakeNode.Second], 4, [("disk0", 1 << 20), ("disk1", 512)], "http://127.0.0.1:7101", SyncMode.Full)
    { AbandonView = true, PairId = Guid.Parse("3132030405060708090a0b0c0d0e0f10") };

    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(200);

    private static readonly CommitRequest s_commit = new(FakeNode.Second, 5, FakeNode.SomeSession, 6);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_attach_arrives_whole(bool unixSocket)
    {
        await using ServiceHost host = await ServiceHost.StartAsync(unixSocket);
        using var peer = new GrpcPeer(host.Address);
        Assert.Equal(
            new AttachReply(FakeNode.SomeSession, 21, NodeStage.Syncing) { OverlayFreeBytes = 31, FoundPairId = host.Node.PairId },
            await peer.AttachMirrorAsync(s_attach, default));
        var heard = Assert.IsType<AttachRequest>(host.Node.Called);
        Assert.Equal(
            (s_attach.Group, s_attach.Epoch, s_attach.PrimaryControl, s_attach.Sync, true, s_attach.PairId),
            (heard.Group, heard.Epoch, heard.PrimaryControl, heard.Sync, heard.AbandonView, heard.PairId));
        Assert.Equal(s_attach.History, heard.History);
        Assert.Equal(s_attach.Disks, heard.Disks);
    }

    [Fact]
    public async Task Every_other_question_arrives_whole()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        using var peer = new GrpcPeer(host.Address);

        await peer.DetachMirrorAsync(FakeNode.SomeSession, default);
        Assert.Equal(("detach", FakeNode.SomeSession), host.Node.Called);
        await peer.CompleteSyncAsync(FakeNode.SomeSession, default);
        Assert.Equal(("complete", FakeNode.SomeSession), host.Node.Called);

        ReadOnlyMemory<byte> digests = await peer.GetDigestsAsync(FakeNode.SomeSession, "disk0", 4096, 64 << 20, 4096, default);
        Assert.Equal([1, 2, 3], digests.ToArray());
        Assert.Equal(("digests", FakeNode.SomeSession, "disk0", 4096L, 64L << 20, 4096), host.Node.Called);

        Assert.Equal((22UL, TimeSpan.FromMilliseconds(4.5)), await peer.CommitCheckpointAsync(s_commit, default));
        Assert.Equal(s_commit, host.Node.Called);
        Assert.Equal(23UL, await peer.StopReplicationAsync(s_commit, default));
        Assert.Equal(("stop replication", s_commit), host.Node.Called);

        PeerPosition position = await peer.GetPositionAsync("vm1", default);
        Assert.Equal((NodeRole.Secondary, NodeStage.Done, FakeNode.Second, 24UL), (position.Role, position.Stage, position.Generation, position.Epoch));
        Assert.Equal([FakeNode.First, FakeNode.Second], position.History);
        Assert.Equal((host.Node.PairId, FakeNode.SomeIncarnation), (position.PairId, position.Incarnation));
        Assert.Equal(("position", "vm1"), host.Node.Called);

        PeerPosition held = await peer.HoldAsync("vm1", FakeNode.First, TimeSpan.FromSeconds(2), default);
        Assert.Equal(
            (NodeRole.Primary, NodeStage.Replicating, FakeNode.Second, 25UL, host.Node.PairId),
            (held.Role, held.Stage, held.Generation, held.Epoch, held.PairId));
        Assert.Equal(("hold", "vm1", FakeNode.First, TimeSpan.FromSeconds(2)), host.Node.Called);

        await peer.ReleaseAsync(FakeNode.Second, default);
        Assert.Equal(("release", (Generation?)FakeNode.Second), host.Node.Called);
        await peer.ReleaseAsync(null, default);
        Assert.Equal(("release", (Generation?)null), host.Node.Called);
    }

    [Fact]
    public async Task A_peer_without_a_history_says_so()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        using var peer = new GrpcPeer(host.Address);
        host.Node.History = [];
        host.Node.PairId = Guid.Empty;
        PeerPosition position = await peer.GetPositionAsync("vm1", default);
        Assert.Empty(position.History);
        Assert.Equal(Guid.Empty, position.PairId);
    }

    [Theory]
    [InlineData(VerbFailure.Failed)]
    [InlineData(VerbFailure.Invalid)]
    [InlineData(VerbFailure.Unreachable)]
    [InlineData(VerbFailure.Refused)]
    public async Task Every_failure_crosses_the_wire_unchanged(VerbFailure failure)
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        using var peer = new GrpcPeer(host.Address);
        host.Node.Fails = new VerbException(failure, "one clear line");
        Func<Task>[] calls =
        [
            () => peer.AttachMirrorAsync(s_attach, default),
            () => peer.DetachMirrorAsync(FakeNode.SomeSession, default),
            () => peer.CompleteSyncAsync(FakeNode.SomeSession, default),
            () => peer.GetDigestsAsync(FakeNode.SomeSession, "disk0", 0, 4096, 4096, default),
            () => peer.CommitCheckpointAsync(s_commit, default),
            () => peer.StopReplicationAsync(s_commit, default),
            () => peer.GetPositionAsync("vm1", default),
            () => peer.HoldAsync("vm1", FakeNode.First, TimeSpan.FromSeconds(1), default),
            () => peer.ReleaseAsync(null, default),
        ];
        foreach (Func<Task> call in calls)
        {
            VerbException e = await Assert.ThrowsAsync<VerbException>(call);
            Assert.Equal(failure, e.Failure);
            Assert.Equal($"the peer at {host.Address}: one clear line", e.Message);
        }
    }

    [Fact]
    public async Task A_peer_that_refuses_the_connection_is_unreachable_and_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"http://{listener.LocalEndpoint}";
        listener.Stop();
        using var peer = new GrpcPeer(address);
        VerbException e = await Assert.ThrowsAsync<VerbException>(() => peer.GetPositionAsync("vm1", default));
        Assert.Equal(VerbFailure.Unreachable, e.Failure);
        Assert.Equal($"the peer at {address} cannot be reached: Connection refused", e.Message);
    }

    [Fact]
    public async Task A_socket_that_is_not_there_is_unreachable_and_named()
    {
        string address = $"unix:{Path.GetTempPath()}no-such-{Guid.NewGuid():N}.sock";
        using var peer = new GrpcPeer(address);
        VerbException e = await Assert.ThrowsAsync<VerbException>(() => peer.GetPositionAsync("vm1", default));
        Assert.Equal(VerbFailure.Unreachable, e.Failure);
        Assert.StartsWith($"the peer at {address} cannot be reached: ", e.Message);
    }

    [Fact]
    public async Task A_peer_that_accepts_and_stays_silent_is_unreachable_after_the_deadline()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"http://{listener.LocalEndpoint}";
        using var peer = new GrpcPeer(address, s_soon, s_soon, s_soon);
        VerbException e = await Assert.ThrowsAsync<VerbException>(() => peer.GetPositionAsync("vm1", default));
        Assert.Equal(VerbFailure.Unreachable, e.Failure);
        Assert.Equal($"the peer at {address} cannot be reached: it did not answer in time; see whether it runs and the link to it is up", e.Message);
    }

    [Fact]
    public async Task A_node_that_hangs_is_unreachable_after_the_deadline()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Held = new TaskCompletionSource().Task;
        using var peer = new GrpcPeer(host.Address, s_soon, s_soon, s_soon);
        Assert.Equal(VerbFailure.Unreachable, (await Assert.ThrowsAsync<VerbException>(() => peer.CompleteSyncAsync(FakeNode.SomeSession, default))).Failure);
    }

    [Fact]
    public async Task A_callers_token_ends_the_call_as_cancelled()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Held = new TaskCompletionSource().Task;
        using var peer = new GrpcPeer(host.Address);
        using var source = new CancellationTokenSource();
        Task call = peer.CompleteSyncAsync(FakeNode.SomeSession, source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => call);
    }

    [Theory]
    [InlineData("https://127.0.0.1:1", "https:// is not available")]
    [InlineData("127.0.0.1:7101", "no control address")]
    [InlineData("http://127.0.0.1:7101/path", "no control address")]
    [InlineData("unix:relative", "no control address")]
    [InlineData("", "no control address")]
    public void A_bad_address_is_refused_and_quoted(string address, string reason)
    {
        using var connections = new PeerConnections();
        VerbException e = Assert.Throws<VerbException>(() => connections.Connect(address));
        Assert.Equal(VerbFailure.Invalid, e.Failure);
        Assert.Contains(reason, e.Message);
        Assert.Contains($"\"{address}\"", e.Message);
    }

    [Fact]
    public void One_address_has_one_connection_and_old_ones_are_forgotten()
    {
        using var connections = new PeerConnections();
        IReplicationPeer first = connections.Connect("http://127.0.0.1:1");
        Assert.Same(first, connections.Connect("http://127.0.0.1:1"));
        for (int port = 2; port < 20; port++)
            connections.Connect($"http://127.0.0.1:{port}");
        Assert.NotSame(first, connections.Connect("http://127.0.0.1:1"));
    }
}
