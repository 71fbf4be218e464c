using Grpc.Core;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

public sealed class MetadataTests
{
    [Fact]
    public async Task Headers_and_trailers_travel_as_text_and_as_bytes()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        byte[] bytes = [0, 1, 2, 254, 255];
        host.Handlers.Say = async (_, context) =>
        {
            await context.WriteResponseHeadersAsync([new Metadata.Entry("early", context.RequestHeaders.GetValue("who")!)]);
            context.ResponseTrailers.Add("late-bin", context.RequestHeaders.GetValueBytes("blob-bin")!);
            return new SayResponse { Text = context.RequestHeaders.GetAll("who").Count().ToString() };
        };
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest(), new Metadata { { "Who", "me" }, { "blob-bin", bytes } });
        Assert.Equal("1", (await call).Text);
        Assert.Equal("me", (await call.ResponseHeadersAsync).GetValue("early"));
        Assert.Equal(bytes, call.GetTrailers().GetValueBytes("late-bin"));
        Assert.Single(call.GetTrailers());
    }

    [Fact]
    public async Task The_trailers_of_a_failure_arrive_with_it()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => throw new RpcException(new Status(StatusCode.Aborted, "no"), new Metadata { { "why", "so" } });
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal("so", e.Trailers.GetValue("why"));
    }

    [Fact]
    public async Task The_protocols_own_headers_are_no_metadata()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        Metadata seen = [];
        host.Handlers.Say = (_, context) =>
        {
            seen = context.RequestHeaders;
            return Task.FromResult(new SayResponse());
        };
        await host.Client.SayAsync(new SayRequest(), deadline: DateTime.UtcNow.AddSeconds(30));
        Assert.DoesNotContain(
            seen, entry => entry.Key.StartsWith("grpc-", StringComparison.Ordinal) || entry.Key is "te" or "content-type" || entry.Key[0] == ':');
    }

    [Fact]
    public async Task A_handler_sees_its_method_its_caller_and_its_deadline()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        DateTime deadline = DateTime.UtcNow.AddMinutes(1);
        ServerCallContext? context = null;
        host.Handlers.Say = (_, call) =>
        {
            context = call;
            Assert.Matches("^ipv4:127\\.0\\.0\\.1:[0-9]+$", call.Peer);
            Assert.Equal($"127.0.0.1:{host.Address.Port}", call.Host);
            Assert.Equal("POST", call.GetHttpContext().Request.Method);
            return Task.FromResult(new SayResponse());
        };
        await host.Client.SayAsync(new SayRequest(), deadline: deadline);
        Assert.Equal("/replication.rpc.tests.Echo/Say", context!.Method);
        Assert.InRange(context.Deadline, deadline.AddSeconds(-5), deadline.AddSeconds(5));
        await host.Client.SayAsync(new SayRequest());
        Assert.Equal(DateTime.MaxValue, context!.Deadline);
    }

    [Theory]
    [InlineData("", "x")]
    [InlineData("a b", "x")]
    [InlineData("a-bin", "x")]
    public void A_bad_key_is_refused(string key, string value) => Assert.Throws<ArgumentException>(() => new Metadata { { key, value } });

    [Fact]
    public void Bytes_need_a_key_that_says_so() => Assert.Throws<ArgumentException>(() => new Metadata { { "a", [1] } });
}
