using System.Net;
using Colo.Protocol.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Replication.Control.Journal;
using Replication.Control.Services;
using Replication.Control.Services.Jobs;
using Replication.Protos;
using Replication.Roles;

namespace Replication.Control.Tests.Services;

/// <summary>Both services on a real Kestrel in front of a fake node.</summary>
internal sealed class ServiceHost : IAsyncDisposable
{
    private ServiceHost(WebApplication app, string address)
    {
        App = app;
        Address = address;
        Channel = ControlChannel.Open(address);
    }

    public WebApplication App { get; }

    public string Address { get; }

    public GrpcChannel Channel { get; }

    public FakeNode Node => (FakeNode)App.Services.GetRequiredService<IReplicationNode>();

    public FakeJournal Journal => (FakeJournal)App.Services.GetRequiredService<IEventStream>();

    public ReplicationService.ReplicationServiceClient Verbs => new(Channel);

    public PeerService.PeerServiceClient Peer => new(Channel);

    public static async Task<ServiceHost> StartAsync(bool unixSocket = false)
    {
        string socketPath = Path.Combine(Path.GetTempPath(), $"control-{Guid.NewGuid():N}.sock");
        var journal = new FakeJournal();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IReplicationNode>(new FakeNode());
        builder.Services.AddSingleton<IEventStream>(journal);
        builder.Services.AddSingleton<IErrorList>(journal);
        builder.Services.AddSingleton(new JobsDoor(null));
        builder.Services.AddGrpc();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            ControlEndpoint.Configure(kestrel);
            if (unixSocket)
                kestrel.ListenUnixSocket(socketPath, listen => listen.Protocols = HttpProtocols.Http2);
            else
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        WebApplication app = builder.Build();
        ControlEndpoint.Map(app);
        await app.StartAsync();
        return new ServiceHost(app, unixSocket ? $"unix:{socketPath}" : app.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await App.DisposeAsync();
    }
}
