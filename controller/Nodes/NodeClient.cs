using Colo.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Controller.CommandLine;
using Replication.Protos;

namespace Replication.Controller.Nodes;

/// <summary>
/// One node's control service. Its failures come as <see cref="CliException"/>s that name the node; what it does not answer in time is unreachable.
/// </summary>
internal sealed class NodeClient : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly ReplicationService.ReplicationServiceClient _service;

    public NodeClient(NodeSide side, NodeAddress address, TimeSpan timeout, TimeProvider time)
    {
        Side = side;
        Address = address;
        Timeout = timeout;
        Time = time;
        // How long silence may last is the --timeout's, in every call.
        _channel = ControlChannel.Open(address.Text, boundsSilence: false);
        _service = new ReplicationService.ReplicationServiceClient(_channel);
        Jobs = new BlockJobService.BlockJobServiceClient(_channel);
        Bitmaps = new BitmapService.BitmapServiceClient(_channel);
    }

    public static ProtocolVersions Versions => ProtocolRange.Ours;

    /// <summary>For <see cref="CallAsync{T}(Func{CallOptions, AsyncUnaryCall{T}}, CancellationToken)"/> and its like.</summary>
    public BlockJobService.BlockJobServiceClient Jobs { get; }

    /// <summary>As <see cref="Jobs"/>.</summary>
    public BitmapService.BitmapServiceClient Bitmaps { get; }

    /// <summary>For clients of other services of the node.</summary>
    public GrpcChannel Channel => _channel;

    public NodeSide Side { get; }
    public NodeAddress Address { get; }
    public TimeSpan Timeout { get; }
    public TimeProvider Time { get; }

    /// <summary>"primary" or "secondary", as the JSON says it.</summary>
    public string SideText => Side == NodeSide.Primary ? "primary" : "secondary";

    public override string ToString() => $"{SideText} {Address}";

    public async Task<NodeStatus> GetStatusAsync(CancellationToken cancellationToken)
    {
        GetStatusResponse response = await CallAsync((s, o) => s.GetStatusAsync(new GetStatusRequest { Versions = Versions }, o), cancellationToken);
        if (response.Versions is { } theirs && (theirs.Minimum > ProtocolRange.Maximum || theirs.Maximum < ProtocolRange.Minimum))
        {
            throw new CliException(
                ExitCode.Failed,
                $"{this}: speaks protocol versions {theirs.Minimum} to {theirs.Maximum}, coloctl speaks {ProtocolRange.Minimum} to {ProtocolRange.Maximum}");
        }

        return response.Status ?? throw new CliException(ExitCode.Failed, $"{this}: answered without a status");
    }

    /// <summary>A call that the node is expected to answer at once.</summary>
    public Task<T> CallAsync<T>(
        Func<ReplicationService.ReplicationServiceClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken) =>
        CallAsync(options => call(_service, options), cancellationToken);

    /// <summary>The same for a call of any service.</summary>
    public Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken) =>
        CallAsync(call, Time.GetUtcNow().UtcDateTime + Timeout, cancellationToken);

    /// <summary>The same for a call whose answer says nothing.</summary>
    public Task AskAsync(Func<CallOptions, Task> call, CancellationToken cancellationToken) => Guarded(
        async () =>
        {
            await call(new CallOptions(deadline: Time.GetUtcNow().UtcDateTime + Timeout, cancellationToken: cancellationToken));
            return true;
        },
        cancellationToken);

    /// <summary>
    /// A call that may work for long: bounded by nothing while the node answers <c>GetStatus</c>, whose answers go to <paramref name="onStatus"/>.
    /// </summary>
    public Task<T> CallWatchedAsync<T>(
        Func<ReplicationService.ReplicationServiceClient, CallOptions, AsyncUnaryCall<T>> call,
        Action<NodeStatus>? onStatus,
        CancellationToken cancellationToken) =>
        CallWatchedAsync(options => call(_service, options), onStatus, cancellationToken);

    /// <summary>The same for a call of any service.</summary>
    public Task<T> CallWatchedAsync<T>(
        Func<CallOptions, AsyncUnaryCall<T>> call, Action<NodeStatus>? onStatus, CancellationToken cancellationToken) =>
        WatchedAsync(token => CallAsync(call, null, token), onStatus, cancellationToken);

    /// <summary>Work that goes on for as long as the node answers <c>GetStatus</c>; it fails as the node's calls do.</summary>
    public async Task<T> WatchedAsync<T>(Func<CancellationToken, Task<T>> begin, Action<NodeStatus>? onStatus, CancellationToken cancellationToken)
    {
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<T> work = begin(abandon.Token);
        try
        {
            await Liveness.WatchAsync(this, work, onStatus, abandon.Token);
        }
        catch (Exception) when (!work.IsCompleted)
        {
            await abandon.CancelAsync();
            // The call's own end says nothing new: the node was lost, or the user interrupted.
            await work.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw;
        }

        return await work;
    }

    /// <summary>The node's events from a number on; ends with the newest unless <paramref name="follow"/>.</summary>
    public async IAsyncEnumerable<Event> WatchEventsAsync(
        ulong from, bool follow, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // A stream that is followed is silent for as long as nothing happens; its beginning is asked for by a status before.
        CallOptions options = new(deadline: follow ? null : Time.GetUtcNow().UtcDateTime + Timeout, cancellationToken: cancellationToken);
        using AsyncServerStreamingCall<WatchEventsResponse> call = _service.WatchEvents(new WatchEventsRequest { From = from, Follow = follow }, options);
        while (await Guarded(() => call.ResponseStream.MoveNext(cancellationToken), cancellationToken))
            yield return call.ResponseStream.Current.Event;
    }

    /// <summary>Runs a piece of a call, and turns its status into a failure that names the node.</summary>
    public async Task<T> Guarded<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (RpcException e)
        {
            throw NodeFailure.Of(this, e);
        }
    }

    public void Dispose() => _channel.Dispose();

    private Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, DateTime? deadline, CancellationToken cancellationToken) =>
        Guarded(
            async () =>
            {
                using AsyncUnaryCall<T> running = call(new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
                return await running.ResponseAsync;
            },
            cancellationToken);
}
