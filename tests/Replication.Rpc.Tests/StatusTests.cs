using Grpc.Core;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

public sealed class StatusTests
{
    public static TheoryData<StatusCode> Codes => [.. Enum.GetValues<StatusCode>().Where(code => code != StatusCode.OK)];

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task Every_status_code_arrives_with_its_detail(StatusCode code)
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => throw new RpcException(new Status(code, $"because of {code}"));
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest());
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(new Status(code, $"because of {code}"), e.Status);
        Assert.Equal(e.Status, call.GetStatus());
    }

    [Theory]
    [InlineData("50% of ä, 日本語 and 🦊")]
    [InlineData("two\r\nlines")]
    [InlineData("%41 is no A")]
    [InlineData("trailing %")]
    public async Task A_detail_of_any_characters_arrives_unchanged(string detail)
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => throw new RpcException(new Status(StatusCode.Aborted, detail));
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal(detail, e.Status.Detail);
    }

    [Fact]
    public async Task A_detail_that_is_too_long_is_cut_between_two_characters()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => throw new RpcException(new Status(StatusCode.Aborted, string.Concat(Enumerable.Repeat("🦊", 5000))));
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.NotEmpty(e.Status.Detail);
        Assert.Equal("", e.Status.Detail.Replace("🦊", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_unexpected_exception_is_unknown_and_keeps_its_message_to_itself()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, _) => throw new InvalidOperationException("a secret");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal(StatusCode.Unknown, e.StatusCode);
        Assert.DoesNotContain("secret", e.Status.Detail);
    }

    [Fact]
    public async Task A_detailed_error_names_the_exception_where_that_was_asked_for()
    {
        await using EchoHost host = await EchoHost.StartAsync(configure: options => options.EnableDetailedErrors = true);
        host.Handlers.Say = (_, _) => throw new InvalidOperationException("a secret");
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal("a secret", e.Status.Detail);
    }

    [Fact]
    public async Task A_handler_that_sets_a_status_and_returns_ends_the_call_with_it()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = (_, context) =>
        {
            context.Status = new Status(StatusCode.NotFound, "no such thing");
            return Task.FromResult(new SayResponse());
        };
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await host.Client.SayAsync(new SayRequest()));
        Assert.Equal(new Status(StatusCode.NotFound, "no such thing"), e.Status);
    }

    [Fact]
    public async Task A_method_that_the_service_does_not_have_is_not_implemented()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var method = new Method<SayRequest, SayResponse>(
            MethodType.Unary,
            "replication.rpc.tests.Echo",
            "Missing",
            Marshallers.Create<SayRequest>((_, context) => context.Complete([]), _ => new SayRequest()),
            Marshallers.Create<SayResponse>((_, context) => context.Complete([]), _ => new SayResponse()));
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, new SayRequest()));
        Assert.Equal(StatusCode.Unimplemented, e.StatusCode);
    }

    [Fact]
    public async Task A_request_that_cannot_be_decoded_is_an_internal_error()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var method = new Method<SayRequest, SayResponse>(
            MethodType.Unary,
            "replication.rpc.tests.Echo",
            "Say",
            Marshallers.Create<SayRequest>((_, context) => context.Complete([0xff, 0xff, 0xff]), _ => new SayRequest()),
            Marshallers.Create<SayResponse>((_, context) => context.Complete([]), _ => new SayResponse()));
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, new SayRequest()));
        Assert.Equal(StatusCode.Internal, e.StatusCode);
        Assert.Contains("cannot be decoded", e.Status.Detail);
    }
}
