using System.Net.Sockets;
using Colo.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Nodes;

/// <summary>One node's control service. Its failures come as <see cref="CliException"/>s that name the node; what it does not answer in time is unreachable.</summary>
internal sealed class NodeClient : IDisposable
{
    /// <summary>The protocol versions that this controller speaks.</summary>
    private const uint MinimumVersion = 1;
    private const uint MaximumVersion = 1;

    private readonly GrpcChannel _channel;
    private readonly ReplicationService.ReplicationServiceClient _service;

    public NodeClient(NodeSide side, NodeAddress address, TimeSpan timeout, TimeProvider time)
    {
        Side = side;
        Address = address;
        Timeout = timeout;
        Time = time;
        _channel = GrpcChannel.ForAddress(address.Uri.ToString(), new GrpcChannelOptions { HttpHandler = CreateHandler(address), DisposeHttpClient = true });
        _service = new ReplicationService.ReplicationServiceClient(_channel);
    }

    public static ProtocolVersions Versions => new() { Minimum = MinimumVersion, Maximum = MaximumVersion };

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
        if (response.Versions is { } theirs && (theirs.Minimum > MaximumVersion || theirs.Maximum < MinimumVersion))
        {
            throw new CliException(
                ExitCode.Failed,
                $"{this}: speaks protocol versions {theirs.Minimum} to {theirs.Maximum}, coloctl speaks {MinimumVersion} to {MaximumVersion}");
        }

        return response.Status ?? throw new CliException(ExitCode.Failed, $"{this}: answered without a status");
    }

    /// <summary>A call that the node is expected to answer at once.</summary>
    public Task<T> CallAsync<T>(
        Func<ReplicationService.ReplicationServiceClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken) =>
        CallAsync(call, Time.GetUtcNow().UtcDateTime + Timeout, cancellationToken);

    /// <summary>
    /// A call that may work for long: bounded by nothing while the node answers <c>GetStatus</c>, whose answers go to <paramref name="onStatus"/>.
    /// </summary>
    public async Task<T> CallWatchedAsync<T>(
        Func<ReplicationService.ReplicationServiceClient, CallOptions, AsyncUnaryCall<T>> call,
        Action<NodeStatus>? onStatus,
        CancellationToken cancellationToken)
    {
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<T> work = CallAsync(call, null, abandon.Token);
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

    public void Dispose() => _channel.Dispose();

    private Task<T> CallAsync<T>(
        Func<ReplicationService.ReplicationServiceClient, CallOptions, AsyncUnaryCall<T>> call, DateTime? deadline, CancellationToken cancellationToken) =>
        Guarded(
            async () =>
            {
                using AsyncUnaryCall<T> running = call(_service, new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
                return await running.ResponseAsync;
            },
            cancellationToken);

    private async Task<T> Guarded<T>(Func<Task<T>> call, CancellationToken cancellationToken)
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

    private static SocketsHttpHandler CreateHandler(NodeAddress address)
    {
        // HTTP_PROXY is for the world outside, not for a pair's nodes.
        var handler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true };
        if (address.SocketPath is { } path)
        {
            handler.ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        return handler;
    }
}
