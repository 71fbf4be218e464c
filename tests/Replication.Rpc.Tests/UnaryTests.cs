using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Rpc.Tests.Protos;
using Replication.Testing;

namespace Replication.Rpc.Tests;

public sealed class UnaryTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_is_answered_over_tcp_and_over_a_unix_socket(bool unixSocket)
    {
        await using EchoHost host = await EchoHost.StartAsync(unixSocket);
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest { Text = "hello" });
        Assert.Equal("hello", (await call).Text);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_blocking_call_is_answered()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        Assert.Equal("hello", await Task.Run(() => host.Client.Say(new SayRequest { Text = "hello" }).Text));
    }

    [Fact]
    public async Task An_empty_message_is_a_message()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        Assert.Equal("", (await host.Client.SayAsync(new SayRequest())).Text);
    }

    [Fact]
    public async Task Every_byte_of_a_big_message_arrives_both_ways()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        byte[] data = new byte[(4 * 1024 * 1024) - 64];
        new Random(7).NextBytes(data);
        SayResponse response = await host.Client.SayAsync(new SayRequest { Data = ByteString.CopyFrom(data) });
        Assert.True(response.Data.Span.SequenceEqual(data));
    }

    [Fact]
    public async Task A_request_over_the_limit_is_refused_and_the_connection_lives_on()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var request = new SayRequest { Data = ByteString.CopyFrom(new byte[5 * 1024 * 1024]) };
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(request));
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        Assert.Contains("4194304", e.Status.Detail);
        Assert.Equal("again", (await host.Client.SayAsync(new SayRequest { Text = "again" })).Text);
    }

    [Fact]
    public async Task A_response_over_the_limit_is_refused_by_the_client()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => Task.FromResult(new SayResponse { Data = ByteString.CopyFrom(new byte[5 * 1024 * 1024]) });
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
    }

    [Fact]
    public async Task What_may_not_be_sent_is_refused_on_both_sides()
    {
        await using EchoHost host = await EchoHost.StartAsync(configure: options => options.MaxSendMessageSize = 100);
        using GrpcChannel channel = host.Connect(new GrpcChannelOptions { MaxSendMessageSize = 10 });
        var big = new SayRequest { Text = new string('x', 200) };
        RpcException ours = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).SayAsync(big));
        RpcException theirs = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(big));
        Assert.Contains("10 bytes that may be sent", ours.Status.Detail);
        Assert.Contains("100 bytes that may be sent", theirs.Status.Detail);
    }

    [Fact]
    public async Task A_thousand_calls_at_once_are_all_answered_with_their_own_response()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int inside = 0;
        host.Handlers.Say = async (request, _) =>
        {
            if (Interlocked.Increment(ref inside) == 1000)
                all.SetResult();
            await all.Task.WaitAsync(TestTimeouts.Patience);
            return new SayResponse { Text = request.Text };
        };
        Task<SayResponse>[] calls = [.. Enumerable.Range(0, 1000).Select(i => host.Client.SayAsync(new SayRequest { Text = $"{i}" }).ResponseAsync)];
        SayResponse[] responses = await Task.WhenAll(calls);
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"{i}"), responses.Select(response => response.Text));
    }

    [Fact]
    public async Task Streams_of_requests_are_refused_as_not_implemented()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        Assert.Equal(StatusCode.Unimplemented, Assert.Throws<RpcException>(() => host.Client.Collect()).StatusCode);
        Assert.Equal(StatusCode.Unimplemented, Assert.Throws<RpcException>(() => host.Client.Chat()).StatusCode);
    }
}
