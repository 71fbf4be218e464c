using System.Net;
using Grpc.Core;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

public sealed class MalformedRequestTests
{
    public static TheoryData<string, byte[], StatusCode, string> Bodies => new()
    {
        { "nothing", [], StatusCode.Internal, "no message" },
        { "part of a header", [0, 0], StatusCode.Internal, "ended inside a message" },
        { "part of a payload", [0, 0, 0, 0, 9, 1], StatusCode.Internal, "ended inside a message" },
        { "two messages", [.. RawCall.Frame(new SayRequest()), .. RawCall.Frame(new SayRequest())], StatusCode.Internal, "more than one message" },
        { "a compressed message", [1, 0, 0, 0, 0], StatusCode.Unimplemented, "compressed" },
        { "an unknown flag", [7, 0, 0, 0, 0], StatusCode.Internal, "unknown flag" },
        { "a length of 4 GiB", [0, 255, 255, 255, 255], StatusCode.ResourceExhausted, "4294967295" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_body_that_is_no_message_is_refused(string what, byte[] body, StatusCode code, string detail)
    {
        await using EchoHost host = await EchoHost.StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => RawCall.SayAsync(host, body));
        Assert.True(e.StatusCode == code && e.Status.Detail.Contains(detail, StringComparison.Ordinal), $"{what}: {e.Status}");
    }

    [Fact]
    public async Task A_request_that_is_not_grpc_gets_an_http_error()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        using HttpResponseMessage response = await RawCall.SendAsync(host, [], ("content-type", "text/plain"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Fact]
    public async Task A_binary_header_that_is_no_base64_is_refused_when_it_is_asked_for()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, context) => Task.FromResult(new SayResponse { Text = $"{context.RequestHeaders.Count}" });
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => RawCall.SayAsync(host, ("blob-bin", "!!!")));
        Assert.Equal(StatusCode.Internal, e.StatusCode);
        Assert.Contains("blob-bin", e.Status.Detail);
    }
}
