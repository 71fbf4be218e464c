using Grpc.Core;
using Replication.Rpc.Tests.Protos;
using Replication.Testing;

namespace Replication.Rpc.Tests;

public sealed class DeadlineTests
{
    [Fact]
    public async Task A_call_ends_at_its_deadline_on_both_sides()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Say = async (_, context) =>
        {
            await using (context.CancellationToken.Register(cancelled.SetResult))
                await cancelled.Task.WaitAsync(TestTimeouts.Patience);
            throw new OperationCanceledException(context.CancellationToken);
        };
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest(), deadline: DateTime.UtcNow.AddMilliseconds(200));
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        await cancelled.Task.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_deadline_that_has_passed_is_never_sent()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        bool called = false;
        host.Handlers.Say = (_, _) =>
        {
            called = true;
            return Task.FromResult(new SayResponse());
        };
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Client.SayAsync(new SayRequest(), deadline: DateTime.UtcNow.AddSeconds(-1)));
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        Assert.False(called);
    }

    [Fact]
    public async Task The_server_ends_a_call_at_the_deadline_that_it_was_told()
    {
        // The client has no timer of its own here: only the header says when.
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new SayResponse();
        };
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => RawCall.SayAsync(host, ("grpc-timeout", "50m")));
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
    }

    [Fact]
    public async Task A_malformed_deadline_is_refused()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => RawCall.SayAsync(host, ("grpc-timeout", "soon")));
        Assert.Equal(StatusCode.Internal, e.StatusCode);
        Assert.Contains("soon", e.Status.Detail);
    }

    [Fact]
    public async Task A_result_that_a_unary_handler_has_after_its_deadline_is_sent_since_it_is_the_truth()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Say = async (_, context) =>
        {
            var cancelled = new TaskCompletionSource();
            await using (context.CancellationToken.Register(cancelled.SetResult))
                await cancelled.Task.WaitAsync(TestTimeouts.Patience);
            return new SayResponse { Text = "done" };
        };
        Assert.Equal("done", await RawCall.SayAsync(host, ("grpc-timeout", "50m")));
    }

    [Fact]
    public async Task A_stream_that_its_deadline_cuts_short_never_looks_whole()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Count = async (_, stream, context) =>
        {
            await stream.WriteAsync(new CountResponse());
            var cancelled = new TaskCompletionSource();
            await using (context.CancellationToken.Register(cancelled.SetResult))
                await cancelled.Task.WaitAsync(TestTimeouts.Patience);
        };
        using var call = host.Client.Count(new CountRequest(), deadline: DateTime.UtcNow.AddMilliseconds(300));
        Assert.True(await call.ResponseStream.MoveNext());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext());
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
    }

    [Fact]
    public async Task A_deadline_that_is_not_utc_is_refused()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        Assert.Throws<InvalidOperationException>(() => host.Client.SayAsync(new SayRequest(), deadline: DateTime.Now.AddMinutes(1)));
    }
}
