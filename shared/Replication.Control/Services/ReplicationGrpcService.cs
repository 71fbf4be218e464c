using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Control.Journal;
using Replication.Protos;
using Replication.Roles;
using static Replication.Control.Services.WireValues;

namespace Replication.Control.Services;

/// <summary>What a controller drives: each call is one verb of the node, its fields checked and converted.</summary>
internal sealed class ReplicationGrpcService(IReplicationNode node, IEventStream events, IErrorList errors) : ReplicationService.ReplicationServiceBase
{
    public override Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
    {
        Versions.Check(request.Versions);
        return Task.FromResult(new GetStatusResponse { Versions = ProtocolRange.Ours, Status = WireMessages.ToWire(node.GetStatus()) });
    });

    public override Task<StartResponse> Start(StartRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Versions.Check(request.Versions);
        Roles.SyncMode sync = request.Sync == Colo.Protocol.V1.SyncMode.Unspecified ? Roles.SyncMode.Auto : Value<Roles.SyncMode>(request.Sync, "sync");
        if (request.DiscardChangesOf == NodeRole.Primary)
            throw new VerbException(VerbFailure.Invalid, "discarding the changes of the primary is not available in this version");
        bool discardSecondary = request.DiscardChangesOf != NodeRole.Unspecified
            && Value<Block.State.NodeRole>(request.DiscardChangesOf, "discard_changes_of") == Block.State.NodeRole.Secondary;
        StartResult result = await node.StartAsync(
            Value<Block.State.NodeRole>(request.Mode, "mode"), sync, request.AbandonView, discardSecondary, context.CancellationToken);
        return new StartResponse
        {
            Generation = ToWire(result.Generation),
            Epoch = result.Epoch,
            SyncedBytes = result.SyncedBytes,
            ElapsedMs = (long)result.Elapsed.TotalMilliseconds,
        };
    });

    public override Task<ResyncResponse> Resync(ResyncRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Versions.Check(request.Versions);
        ResyncResult result = await node.ResyncAsync(request.AbandonView, context.CancellationToken);
        return new ResyncResponse { SyncedBytes = result.SyncedBytes, ElapsedMs = (long)result.Elapsed.TotalMilliseconds };
    });

    public override Task<VerifyResponse> Verify(VerifyRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Versions.Check(request.Versions);
        VerifyResult result = await node.VerifyAsync(request.Repair, context.CancellationToken);
        return new VerifyResponse
        {
            DifferingBytes = result.DifferingBytes,
            RepairedBytes = result.RepairedBytes,
            ElapsedMs = (long)result.Elapsed.TotalMilliseconds
        };
    });

    public override Task<CheckpointResponse> Checkpoint(CheckpointRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
        new CheckpointResponse { Epoch = await node.CheckpointAsync(context.CancellationToken) });

    public override Task<StopResponse> Stop(StopRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
        new StopResponse { Epoch = await node.StopAsync(context.CancellationToken) });

    public override Task<FailoverResponse> Failover(FailoverRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        // Whatever is above the node's own bound comes to the same.
        TimeSpan patience = Milliseconds(Math.Min(request.HoldTimeoutMs, ServiceLimits.LeaseMs), 0, "hold_timeout_ms");
        if (request.Mode != NodeRole.Unspecified)
            CheckRole(Value<Block.State.NodeRole>(request.Mode, "mode"));
        FailoverResult result = await node.FailoverAsync(request.Force, patience == TimeSpan.Zero ? null : patience, context.CancellationToken);
        return new FailoverResponse
        {
            Generation = ToWire(result.Generation),
            ServingMs = result.Serving.TotalMilliseconds,
            PrimaryFenced = result.PrimaryFenced,
            Lost = result.Lost ?? "",
        };
    });

    public override Task<BeginCheckpointResponse> BeginCheckpoint(BeginCheckpointRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        TimeSpan deadline = Milliseconds(request.DeadlineMs, 0, "deadline_ms");
        BegunCheckpoint begun = await node.BeginCheckpointAsync(request.Epoch, deadline == TimeSpan.Zero ? null : deadline, context.CancellationToken);
        return new BeginCheckpointResponse
        {
            Epoch = begun.Epoch,
            Generation = ToWire(begun.Generation),
            Session = ToWire(begun.Session),
            AnsweredWrites = begun.AnsweredWrites,
            DrainedBytes = begun.DrainedBytes,
            DrainMs = begun.Drain.TotalMilliseconds,
            Attempt = ToWire(begun.Attempt),
        };
    });

    public override Task<CommitCheckpointResponse> CommitCheckpoint(
        CommitCheckpointRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        (ulong epoch, TimeSpan elapsed) = await node.CommitCheckpointAsync(WireMessages.FromWire(request), context.CancellationToken);
        return new CommitCheckpointResponse { Epoch = epoch, CommitMs = elapsed.TotalMilliseconds };
    });

    public override Task<EndCheckpointResponse> EndCheckpoint(EndCheckpointRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        Roles.CheckpointOutcome outcome = Value<Roles.CheckpointOutcome>(request.Outcome, "outcome");
        (ulong epoch, TimeSpan hold) = await node.EndCheckpointAsync(request.Epoch, outcome, context.CancellationToken);
        return new EndCheckpointResponse { Epoch = epoch, HoldMs = hold.TotalMilliseconds };
    });

    public override Task<GetErrorsResponse> GetErrors(GetErrorsRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
        Task.FromResult(new GetErrorsResponse { Errors = { errors.List().Select(WireMessages.ToWire) } }));

    public override Task<AcknowledgeErrorsResponse> AcknowledgeErrors(AcknowledgeErrorsRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
        Task.FromResult(new AcknowledgeErrorsResponse { Acknowledged = (uint)errors.Acknowledge(request.Seq) }));

    public override Task WatchEvents(
        WatchEventsRequest request, IServerStreamWriter<WatchEventsResponse> responseStream, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        // The headers go first: a follower of a quiet node sees that its stream is open.
        await context.WriteResponseHeadersAsync([]);
        await foreach (JournalEvent entry in events.ReadAsync(request.From, request.Follow, context.CancellationToken))
            await responseStream.WriteAsync(new WatchEventsResponse { Event = WireMessages.ToWire(entry) });
    });

    /// <summary>A controller whose two addresses are exchanged must not end a healthy pair by promoting the wrong side of it.</summary>
    private void CheckRole(Block.State.NodeRole asked)
    {
        Roles.NodeStatus status = node.GetStatus();
        if (status.Role != asked)
        {
            throw new VerbException(
                VerbFailure.Refused,
                $"failover of a {asked.ToString().ToLowerInvariant()} is refused: this node is a {status.RoleAndStage}; "
                + "see whether the two addresses are exchanged");
        }
    }
}
