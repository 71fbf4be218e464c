using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Replication.Control.Journal;
using Replication.Control.Services;
using Replication.Control.Services.Jobs;

namespace Replication.Control.Hosting;

/// <summary>The gRPC services on sockets that are bound already: an empty generic host with Kestrel, HTTP/2 only, that reads no settings of its own.</summary>
internal sealed class ControlServer : IAsyncDisposable
{
    /// <summary>What a call gets to end by itself once the node ends; streams end at once.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly WebApplication _application;

    private ControlServer(WebApplication application) => _application = application;

    public static async Task<ControlServer> StartAsync(
        Listeners listeners, IHostedNode node, IEventStream events, IErrorList errors, ILoggerFactory loggers)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            ControlEndpoint.Configure(kestrel);
            foreach (ControlListener listener in listeners.Control)
                kestrel.Listen(listener.Socket.LocalEndPoint!, endpoint => endpoint.Protocols = HttpProtocols.Http2);
        });
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.CreateBoundListenSocket = endpoint => Bound(listeners.Control, endpoint);
            // A guest waits while a checkpoint's calls travel: frames are read and written where they arrive, without a hop to another thread. Calls themselves
            // begin on the thread pool all the same, so that one which blocks holds up no other.
            sockets.UnsafePreferInlineScheduling = true;
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = s_patience);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(node.Verbs).AddSingleton(new JobsDoor(node.Jobs))
            .AddSingleton(new FleeceAddresses([.. listeners.Guest.Select(listener => listener.LocalAddress)])).AddSingleton(events).AddSingleton(errors);
        builder.Services.AddGrpc();
        WebApplication application = builder.Build();
        ControlEndpoint.Map(application);
        try
        {
            await application.StartAsync();
        }
        catch
        {
            await application.DisposeAsync();
            throw;
        }

        return new ControlServer(application);
    }

    /// <summary>Ends streams and calls.</summary>
    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }

    private static Socket Bound(IReadOnlyList<ControlListener> listeners, EndPoint endpoint) =>
        listeners.First(l => l.Socket.LocalEndPoint!.ToString() == endpoint.ToString()).Socket;

    /// <summary>The host of the node listens to the signals; this one ends when it is told to.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
