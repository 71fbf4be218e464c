using Colo.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Replication.Controller.Tests.Fakes;

/// <summary>A node's control service with answers from a script, behind a real HTTP/2 server on a port of its own.</summary>
internal sealed class FakeNode : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeNode(WebApplication app, FakeReplicationService service, string address)
    {
        _app = app;
        Service = service;
        Address = address;
    }

    public FakeReplicationService Service { get; }
    public FakeJobService Jobs => _app.Services.GetRequiredService<FakeJobService>();
    public FakeBitmapService Bitmaps => _app.Services.GetRequiredService<FakeBitmapService>();
    public FakeFleeceService Fleeces => _app.Services.GetRequiredService<FakeFleeceService>();
    public string Address { get; }

    /// <param name="socketPath">Listens there instead of on a port.</param>
    public static async Task<FakeNode> StartAsync(string? socketPath = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var service = new FakeReplicationService();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(service).AddSingleton<FakeJobService>().AddSingleton<FakeBitmapService>().AddSingleton<FakeFleeceService>();
        builder.WebHost.UseSetting(WebHostDefaults.PreventHostingStartupKey, "true");
        builder.WebHost.ConfigureKestrel(o =>
        {
            if (socketPath is null)
                o.Listen(System.Net.IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2);
            else
                o.ListenUnixSocket(socketPath, l => l.Protocols = HttpProtocols.Http2);
        });
        WebApplication app = builder.Build();
        app.MapGrpcService<FakeReplicationService>();
        app.MapGrpcService<FakeJobService>();
        app.MapGrpcService<FakeBitmapService>();
        app.MapGrpcService<FakeFleeceService>();
        await app.StartAsync();
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new FakeNode(app, service, socketPath is null ? address : "unix:" + socketPath);
    }

    public async ValueTask DisposeAsync()
    {
        Service.ReleaseHung();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}

/// <summary>Every call is recorded by its name; a handler that is not set answers with an empty message, <see cref="Failures"/> come first.</summary>
internal sealed class FakeReplicationService : ReplicationService.ReplicationServiceBase
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<string> _calls = []; // guarded by _lock

    /// <summary>What is in force, by the call's name.</summary>
    public Dictionary<string, Status> Failures { get; } = [];

    /// <summary>Calls that get no answer.</summary>
    public HashSet<string> Hung { get; } = [];

    public Func<NodeStatus> Status { get; set; } = () => new NodeStatus();
    public StartResponse StartAnswer { get; set; } = new();
    public Func<Task>? BeforeStartAnswer { get; set; }
    public ResyncResponse ResyncAnswer { get; set; } = new();
    public VerifyResponse VerifyAnswer { get; set; } = new();
    public FailoverResponse FailoverAnswer { get; set; } = new();
    public BeginCheckpointResponse BeginAnswer { get; set; } = new();
    public CommitCheckpointResponse CommitAnswer { get; set; } = new();
    public EndCheckpointResponse EndAnswer { get; set; } = new();
    public StopResponse StopAnswer { get; set; } = new();
    public List<ReplicationError> ErrorList { get; } = [];
    public List<Event> EventList { get; set; } = [];
    public StartRequest? StartSeen { get; private set; }
    public ResyncRequest? ResyncSeen { get; private set; }
    public VerifyRequest? VerifySeen { get; private set; }
    public CommitCheckpointRequest? CommitSeen { get; private set; }
    public EndCheckpointRequest? EndSeen { get; private set; }
    public FailoverRequest? FailoverSeen { get; private set; }
    public uint Version { get; set; } = 1;

    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (_lock)
                return [.. _calls];
        }
    }

    public void ReleaseHung() => _released.TrySetResult();

    public override async Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        await EnterAsync(nameof(GetStatus));
        return new GetStatusResponse { Versions = new ProtocolVersions { Minimum = Version, Maximum = Version }, Status = Status() };
    }

    public override async Task<StartResponse> Start(StartRequest request, ServerCallContext context)
    {
        StartSeen = request;
        await EnterAsync(nameof(Start));
        if (BeforeStartAnswer is { } wait)
            await wait();
        return StartAnswer;
    }

    public override async Task<ResyncResponse> Resync(ResyncRequest request, ServerCallContext context)
    {
        ResyncSeen = request;
        await EnterAsync(nameof(Resync));
        return ResyncAnswer;
    }

    public override async Task<VerifyResponse> Verify(VerifyRequest request, ServerCallContext context)
    {
        VerifySeen = request;
        await EnterAsync(nameof(Verify));
        return VerifyAnswer;
    }

    public override async Task<StopResponse> Stop(StopRequest request, ServerCallContext context)
    {
        await EnterAsync(nameof(Stop));
        return StopAnswer;
    }

    public override async Task<FailoverResponse> Failover(FailoverRequest request, ServerCallContext context)
    {
        FailoverSeen = request;
        await EnterAsync(nameof(Failover));
        return FailoverAnswer;
    }

    public override async Task<BeginCheckpointResponse> BeginCheckpoint(BeginCheckpointRequest request, ServerCallContext context)
    {
        await EnterAsync(nameof(BeginCheckpoint));
        return BeginAnswer;
    }

    public override async Task<CommitCheckpointResponse> CommitCheckpoint(CommitCheckpointRequest request, ServerCallContext context)
    {
        CommitSeen = request;
        await EnterAsync(nameof(CommitCheckpoint));
        return CommitAnswer;
    }

    public override async Task<EndCheckpointResponse> EndCheckpoint(EndCheckpointRequest request, ServerCallContext context)
    {
        EndSeen = request;
        await EnterAsync(nameof(EndCheckpoint));
        return EndAnswer;
    }

    public override async Task<GetErrorsResponse> GetErrors(GetErrorsRequest request, ServerCallContext context)
    {
        await EnterAsync(nameof(GetErrors));
        return new GetErrorsResponse { Errors = { ErrorList } };
    }

    public override async Task<AcknowledgeErrorsResponse> AcknowledgeErrors(AcknowledgeErrorsRequest request, ServerCallContext context)
    {
        await EnterAsync(nameof(AcknowledgeErrors));
        int before = ErrorList.Count;
        ErrorList.RemoveAll(e => request.Seq == 0 || e.Seq == request.Seq);
        return new AcknowledgeErrorsResponse { Acknowledged = (uint)(before - ErrorList.Count) };
    }

    public override async Task WatchEvents(WatchEventsRequest request, IServerStreamWriter<WatchEventsResponse> responseStream, ServerCallContext context)
    {
        await EnterAsync(nameof(WatchEvents));
        foreach (Event e in EventList.Where(e => e.Seq >= request.From))
            await responseStream.WriteAsync(new WatchEventsResponse { Event = e });
        if (!request.Follow)
            return;
        using CancellationTokenRegistration ended = context.CancellationToken.Register(ReleaseHung);
        await _released.Task;
    }

    private async Task EnterAsync(string call)
    {
        lock (_lock)
            _calls.Add(call);
        if (Hung.Contains(call))
            await _released.Task;
        if (Failures.TryGetValue(call, out Status failure))
            throw new RpcException(failure);
    }
}
