using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Replication.Block;
using Replication.Control.Services;
using Replication.Roles;
using Replication.Testing;
using CheckpointOutcome = Colo.Protocol.V1.CheckpointOutcome;
using SyncMode = Colo.Protocol.V1.SyncMode;

namespace Replication.Control.Tests.Services;

public sealed class ReplicationGrpcServiceTests
{
    [Fact]
    public async Task Status_shows_every_field()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        GetStatusResponse response = await host.Verbs.GetStatusAsync(new GetStatusRequest());
        Assert.Equal((1u, 1u), (response.Versions.Minimum, response.Versions.Maximum));
        Colo.Protocol.V1.NodeStatus status = response.Status;
        Assert.Equal(("vm1", NodeRole.Secondary, NodeStage.Running, 11UL), (status.Group, status.Role, status.Stage, status.Epoch));
        Assert.Equal(WireValues.ToWire(FakeNode.Second), status.Generation);
        Assert.Equal(new MirrorStatus { State = Colo.Protocol.V1.MirrorState.Connected, Transport = "nbd" }, status.Mirror);
        Assert.Equal(
            [
                new Colo.Protocol.V1.DiskStatus { Name = "disk0", LengthBytes = 1 << 20, DirtyBytes = 1, ActiveBytes = 2, HiddenBytes = 3 },
                new Colo.Protocol.V1.DiskStatus { Name = "disk1", LengthBytes = 1L << 40, DirtyBytes = 4, ActiveBytes = 5, HiddenBytes = 6 },
            ],
            status.Disks);
        Assert.Equal(("it hurts", true, 9L, 10L), (status.Error, status.Incomplete, status.CommitElapsedMs, status.CommittedBytes));
        Assert.Equal(new Progress { Activity = "sync", DoneBytes = 7, TotalBytes = 8 }, status.Progress);
    }

    [Fact]
    public async Task What_a_status_lacks_stays_unset()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Status = host.Node.Status with { Error = null, Progress = null };
        Colo.Protocol.V1.NodeStatus status = (await host.Verbs.GetStatusAsync(new GetStatusRequest())).Status;
        Assert.Equal("", status.Error);
        Assert.Null(status.Progress);
    }

    [Fact]
    public async Task An_ids_bytes_are_in_the_order_of_its_text()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        Generation generation = (await host.Verbs.GetStatusAsync(new GetStatusRequest())).Status.Generation;
        Assert.Equal(FakeNode.Second.Id.ToString("N"), Convert.ToHexStringLower(generation.Id.Span));
        Assert.Equal(FakeNode.First.Id.ToString("N"), Convert.ToHexStringLower(generation.ParentId.Span));
    }

    [Theory]
    [InlineData(NodeRole.Primary, SyncMode.Full, Block.State.NodeRole.Primary, Roles.SyncMode.Full)]
    [InlineData(NodeRole.Primary, SyncMode.None, Block.State.NodeRole.Primary, Roles.SyncMode.None)]
    [InlineData(NodeRole.Primary, SyncMode.Auto, Block.State.NodeRole.Primary, Roles.SyncMode.Auto)]
    [InlineData(NodeRole.Secondary, SyncMode.Unspecified, Block.State.NodeRole.Secondary, Roles.SyncMode.Auto)]
    public async Task Start_passes_mode_and_sync(NodeRole mode, SyncMode sync, Block.State.NodeRole expectedMode, Roles.SyncMode expectedSync)
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        StartResponse response = await host.Verbs.StartAsync(new StartRequest { Mode = mode, Sync = sync });
        Assert.Equal(("start", expectedMode, expectedSync, false, false), host.Node.Called);
        Assert.Equal(new StartResponse { Generation = WireValues.ToWire(FakeNode.Second), Epoch = 12, SyncedBytes = 13, ElapsedMs = 14 }, response);
    }

    [Fact]
    public async Task Resync_and_verify_pass_what_they_were_asked()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        await host.Verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary, AbandonView = true });
        Assert.Equal(("start", Block.State.NodeRole.Primary, Roles.SyncMode.Auto, true, false), host.Node.Called);
        await host.Verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary, DiscardChangesOf = NodeRole.Secondary });
        Assert.Equal(("start", Block.State.NodeRole.Primary, Roles.SyncMode.Auto, false, true), host.Node.Called);
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary, DiscardChangesOf = NodeRole.Primary }));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        foreach (bool said in new[] { false, true })
        {
            Assert.Equal(new ResyncResponse { SyncedBytes = 26, ElapsedMs = 27 }, await host.Verbs.ResyncAsync(new ResyncRequest { AbandonView = said }));
            Assert.Equal(("resync", said), host.Node.Called);
            Assert.Equal(
                new VerifyResponse { DifferingBytes = 28, RepairedBytes = 29, ElapsedMs = 30 },
                await host.Verbs.VerifyAsync(new VerifyRequest { Repair = said }));
            Assert.Equal(("verify", said), host.Node.Called);
        }
    }

    [Fact]
    public async Task A_failover_that_means_the_other_role_is_refused_and_changes_nothing()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        var request = new FailoverRequest { Mode = NodeRole.Primary };
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await host.Verbs.FailoverAsync(request));
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("failover of a primary is refused: this node is a secondary in stage running", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Null(host.Node.Called);
        await host.Verbs.FailoverAsync(new FailoverRequest { Mode = NodeRole.Secondary });
        Assert.NotNull(host.Node.Called);
    }

    [Fact]
    public async Task Checkpoint_stop_and_failover_pass_what_they_were_asked()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        Assert.Equal(15UL, (await host.Verbs.CheckpointAsync(new CheckpointRequest())).Epoch);
        Assert.Equal("checkpoint", host.Node.Called);
        Assert.Equal(16UL, (await host.Verbs.StopAsync(new StopRequest())).Epoch);
        Assert.Equal("stop", host.Node.Called);
        FailoverResponse failover = await host.Verbs.FailoverAsync(new FailoverRequest { Force = true, HoldTimeoutMs = 700 });
        Assert.Equal(("failover", true, (TimeSpan?)TimeSpan.FromMilliseconds(700)), host.Node.Called);
        Assert.Equal(new FailoverResponse { Generation = WireValues.ToWire(FakeNode.Second), ServingMs = 1.5, PrimaryFenced = true }, failover);
        host.Node.Lost = "everything";
        Assert.Equal("everything", (await host.Verbs.FailoverAsync(new FailoverRequest())).Lost);
        Assert.Equal(("failover", false, (TimeSpan?)null), host.Node.Called);
        await host.Verbs.FailoverAsync(new FailoverRequest { HoldTimeoutMs = long.MaxValue });
        Assert.Equal(("failover", false, (TimeSpan?)TimeSpan.FromHours(1)), host.Node.Called);
    }

    [Fact]
    public async Task The_three_calls_of_a_checkpoint_pass_what_they_were_asked()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        BeginCheckpointResponse begun = await host.Verbs.BeginCheckpointAsync(new BeginCheckpointRequest { Epoch = 5, DeadlineMs = 250 });
        Assert.Equal(("begin", 5UL, (TimeSpan?)TimeSpan.FromMilliseconds(250)), host.Node.Called);
        Assert.Equal((17UL, 18UL, 19L, 2.5), (begun.Epoch, begun.AnsweredWrites, begun.DrainedBytes, begun.DrainMs));
        await host.Verbs.BeginCheckpointAsync(new BeginCheckpointRequest());
        Assert.Equal(("begin", 0UL, (TimeSpan?)null), host.Node.Called);

        var commit =
            new CommitCheckpointRequest { Generation = begun.Generation, Epoch = begun.Epoch, Session = begun.Session, AnsweredWrites = begun.AnsweredWrites };
        Assert.Equal(new CommitCheckpointResponse { Epoch = 22, CommitMs = 4.5 }, await host.Verbs.CommitCheckpointAsync(commit));
        Assert.Equal(new CommitRequest(FakeNode.First, 17, FakeNode.SomeSession, 18), host.Node.Called);

        foreach (CheckpointOutcome outcome in Enum.GetValues<CheckpointOutcome>().Where(o => o != CheckpointOutcome.Unspecified))
        {
            Assert.Equal(
                new EndCheckpointResponse { Epoch = 20, HoldMs = 3.5 },
                await host.Verbs.EndCheckpointAsync(new EndCheckpointRequest { Epoch = 17, Outcome = outcome }));
            Assert.Equal(("end", 17UL, Enum.Parse<Roles.CheckpointOutcome>(outcome.ToString())), host.Node.Called);
        }
    }

    [Theory]
    [InlineData(VerbFailure.Failed, StatusCode.Aborted)]
    [InlineData(VerbFailure.Invalid, StatusCode.InvalidArgument)]
    [InlineData(VerbFailure.Unreachable, StatusCode.Unavailable)]
    [InlineData(VerbFailure.Refused, StatusCode.FailedPrecondition)]
    public async Task Every_failure_of_a_verb_has_its_status(VerbFailure failure, StatusCode code)
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Fails = new VerbException(failure, "one clear line");
        foreach (Func<Task> call in AllVerbs(host))
            Assert.Equal(new Status(code, "one clear line"), (await Assert.ThrowsAsync<RpcException>(call)).Status);
    }

    [Fact]
    public async Task An_operating_error_without_a_meaning_is_a_failed_verb()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Fails = new BlockException(BlockErrorKind.NoSpace, "hidden", BlockOperation.Write, new BlockRange(0, 512), "no room");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Verbs.StopAsync(new StopRequest()));
        Assert.Equal(StatusCode.Aborted, e.StatusCode);
        Assert.Contains("no room", e.Status.Detail);
    }

    [Fact]
    public async Task An_unexpected_exception_keeps_its_text_to_itself()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Node.Fails = new InvalidOperationException("internals");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Verbs.StopAsync(new StopRequest()));
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.DoesNotContain("internals", e.Status.Detail);
    }

    [Fact]
    public async Task A_caller_that_gives_up_cancels_the_verb()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        var held = new TaskCompletionSource();
        host.Node.Held = held.Task;
        using AsyncUnaryCall<StopResponse> call = host.Verbs.StopAsync(new StopRequest(), deadline: DateTime.UtcNow.AddMilliseconds(300));
        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        var cancelled = new TaskCompletionSource();
        await using (host.Node.Token.Register(cancelled.SetResult))
            await cancelled.Task.WaitAsync(TestTimeouts.Patience);
    }

    public static TheoryData<string, Func<ReplicationService.ReplicationServiceClient, Task>> BadRequests => new()
    {
        { "mode is 0", async verbs => await verbs.StartAsync(new StartRequest()) },
        { "mode is 9", async verbs => await verbs.StartAsync(new StartRequest { Mode = (NodeRole)9 }) },
        { "sync is 4", async verbs => await verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary, Sync = (SyncMode)4 }) },
        { "this node speaks 1 to 1, the other side 2 to 3", async verbs => await verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary, Versions = new() { Minimum = 2, Maximum = 3 } }) },
        { "hold_timeout_ms is -1", async verbs => await verbs.FailoverAsync(new FailoverRequest { HoldTimeoutMs = -1 }) },
        { "this node speaks 1 to 1, the other side 2 to 3", async verbs => await verbs.GetStatusAsync(new GetStatusRequest { Versions = new() { Minimum = 2, Maximum = 3 } }) },
        { "the other side 0 to 0", async verbs => await verbs.GetStatusAsync(new GetStatusRequest { Versions = new() }) },
        { "deadline_ms is -1", async verbs => await verbs.BeginCheckpointAsync(new BeginCheckpointRequest { DeadlineMs = -1 }) },
        { "deadline_ms is 9223372036854775807", async verbs => await verbs.BeginCheckpointAsync(new BeginCheckpointRequest { DeadlineMs = long.MaxValue }) },
        { "outcome is 0", async verbs => await verbs.EndCheckpointAsync(new EndCheckpointRequest()) },
        { "outcome is 4", async verbs => await verbs.EndCheckpointAsync(new EndCheckpointRequest { Outcome = (CheckpointOutcome)4 }) },
        { "generation is missing", async verbs => await verbs.CommitCheckpointAsync(new CommitCheckpointRequest { Session = WireValues.ToWire(FakeNode.SomeSession) }) },
        { "session has 0 bytes", async verbs => await verbs.CommitCheckpointAsync(new CommitCheckpointRequest { Generation = WireValues.ToWire(FakeNode.First) }) },
        { "generation.id has 3 bytes", async verbs => await verbs.CommitCheckpointAsync(new CommitCheckpointRequest { Generation = new() { Id = ByteString.CopyFrom(1, 2, 3) } }) },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task A_field_that_cannot_be_meant_so_is_refused_by_name(string detail, Func<ReplicationService.ReplicationServiceClient, Task> call)
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call(new ReplicationService.ReplicationServiceClient(host.Channel)));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains(detail, e.Status.Detail);
        Assert.Null(host.Node.Called);
    }

    [Fact]
    public async Task A_range_that_meets_ours_is_accepted()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        Assert.NotNull((await host.Verbs.GetStatusAsync(new GetStatusRequest { Versions = new() { Minimum = 1, Maximum = 7 } })).Status);
    }

    private static IEnumerable<Func<Task>> AllVerbs(ServiceHost host)
    {
        var commit = new CommitCheckpointRequest { Generation = WireValues.ToWire(FakeNode.First), Session = WireValues.ToWire(FakeNode.SomeSession) };
        yield return async () => await host.Verbs.GetStatusAsync(new GetStatusRequest());
        yield return async () => await host.Verbs.StartAsync(new StartRequest { Mode = NodeRole.Primary });
        yield return async () => await host.Verbs.CheckpointAsync(new CheckpointRequest());
        yield return async () => await host.Verbs.StopAsync(new StopRequest());
        yield return async () => await host.Verbs.FailoverAsync(new FailoverRequest());
        yield return async () => await host.Verbs.BeginCheckpointAsync(new BeginCheckpointRequest());
        yield return async () => await host.Verbs.CommitCheckpointAsync(commit);
        yield return async () => await host.Verbs.EndCheckpointAsync(new EndCheckpointRequest { Outcome = CheckpointOutcome.Aborted });
    }
}
