using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Rpc.Tests.Protos;
using Replication.Testing;

namespace Replication.Rpc.Tests;

public sealed class ConnectionTests
{
    [Fact]
    public async Task An_unreachable_address_is_unavailable_and_named()
    {
        int port = FreePort();
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).SayAsync(new SayRequest()));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.Equal($"http://127.0.0.1:{port}/ cannot be reached: Connection refused", e.Status.Detail);
    }

    [Fact]
    public async Task A_host_that_swallows_packets_is_unavailable_once_the_time_to_connect_is_over()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromMilliseconds(100),
            ConnectCallback = async (_, cancellationToken) =>
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
                throw new InvalidOperationException();
            },
        };
        using GrpcChannel channel = GrpcChannel.ForAddress("http://192.0.2.1:7101", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).SayAsync(new SayRequest()));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.StartsWith("http://192.0.2.1:7101/ cannot be reached: ", e.Status.Detail);
    }

    [Fact]
    public async Task A_server_that_does_not_speak_http2_is_an_error_that_names_it()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task server = AnswerOnceAsync(listener, "NBDMAGIC and nothing that HTTP knows, but long enough for a frame header"u8.ToArray());
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).SayAsync(new SayRequest()));
        Assert.Contains(e.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });
        Assert.Contains($"http://{listener.LocalEndpoint}", e.Status.Detail);
        await server;
    }

    [Fact]
    public async Task A_connection_that_breaks_ends_its_calls_as_unavailable()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task server = AnswerOnceAsync(listener, []);
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).SayAsync(new SayRequest()));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        await server;
    }

    [Fact]
    public async Task A_channel_connects_again_after_its_server_came_back()
    {
        int port = FreePort();
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        var client = new Echo.EchoClient(channel);
        for (int round = 0; round < 2; round++)
        {
            await Assert.ThrowsAsync<RpcException>(async () => await client.SayAsync(new SayRequest()));
            await using EchoHost host = await EchoHost.StartAsync(port: port);
            Assert.Equal("hello", (await client.SayAsync(new SayRequest { Text = "hello" })).Text);
        }
    }

    [Fact]
    public async Task A_stopping_host_ends_streams_and_calls_at_once()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Say = async (_, context) =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new SayResponse();
        };
        host.Handlers.Count = async (_, stream, context) =>
        {
            await stream.WriteAsync(new CountResponse());
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };
        using var stream = host.Client.Count(new CountRequest());
        Assert.True(await stream.ResponseStream.MoveNext());
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest());
        await started.Task.WaitAsync(TestTimeouts.Patience);
        var elapsed = Stopwatch.StartNew();
        await host.App.StopAsync();
        Assert.Equal(
            new Status(StatusCode.Unavailable, "the server is stopping"),
            (await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext())).Status);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        Assert.InRange(elapsed.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10)); // Kestrel alone would wait for 30
    }

    [Fact]
    public async Task A_stopping_host_ends_a_write_that_waits_for_a_reader()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        using var stream = host.Client.Count(new CountRequest { Messages = 1_000_000, DataBytes = 64 * 1024 });
        Assert.True(await stream.ResponseStream.MoveNext());
        var elapsed = Stopwatch.StartNew();
        await host.App.StopAsync();
        Assert.InRange(elapsed.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    private static async Task AnswerOnceAsync(TcpListener listener, byte[] answer)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync();
        await client.GetStream().ReadAtLeastAsync(new byte[64], 1);
        await client.GetStream().WriteAsync(answer);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
