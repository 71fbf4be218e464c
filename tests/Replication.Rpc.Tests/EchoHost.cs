using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

/// <summary>A real Kestrel with the echo service on loopback or on a Unix socket, and a channel to it.</summary>
internal sealed class EchoHost : IAsyncDisposable
{
    private readonly string? _socketPath;

    private EchoHost(WebApplication app, string? socketPath)
    {
        App = app;
        _socketPath = socketPath;
        Address = new Uri(socketPath is null ? app.Urls.Single() : "http://localhost");
        Channel = Connect(new GrpcChannelOptions());
    }

    public WebApplication App { get; }

    public Uri Address { get; }

    public GrpcChannel Channel { get; }

    public Echo.EchoClient Client => new(Channel);

    public EchoHandlers Handlers => App.Services.GetRequiredService<EchoHandlers>();

    public static async Task<EchoHost> StartAsync(bool unixSocket = false, Action<GrpcServiceOptions>? configure = null, int port = 0)
    {
        string? socketPath = unixSocket ? Path.Combine(Path.GetTempPath(), $"rpc-{Guid.NewGuid():N}.sock") : null;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new EchoHandlers());
        builder.Services.AddGrpc(configure ?? (_ => { }));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            if (socketPath is null)
                kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
            else
                kestrel.ListenUnixSocket(socketPath, listen => listen.Protocols = HttpProtocols.Http2);
        });
        WebApplication app = builder.Build();
        app.MapGrpcService<EchoService>();
        await app.StartAsync();
        return new EchoHost(app, socketPath);
    }

    public GrpcChannel Connect(GrpcChannelOptions options)
    {
        if (_socketPath is not null)
        {
            options.HttpHandler = new SocketsHttpHandler { ConnectCallback = async (_, token) => await ConnectUnixAsync(_socketPath, token) };
            options.DisposeHttpClient = true;
        }

        return GrpcChannel.ForAddress(Address, options);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await App.DisposeAsync();
    }

    private static async Task<Stream> ConnectUnixAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
