using Grpc.Core;
using Grpc.Net.Client;
using Replication.Rpc.Tests.Protos;
using Replication.Testing;

namespace Replication.Rpc.Tests;

public sealed class CancellationTests
{
    [Fact]
    public async Task A_callers_token_ends_the_call_and_fires_the_handlers()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        (TaskCompletionSource started, TaskCompletionSource cancelled) = HoldSay(host);
        using var source = new CancellationTokenSource();
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest(), cancellationToken: source.Token);
        await started.Task.WaitAsync(TestTimeouts.Patience);
        await source.CancelAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.Cancelled, e.StatusCode);
        await cancelled.Task.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_token_that_has_fired_before_the_call_ends_it_unsent()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Client.SayAsync(new SayRequest(), cancellationToken: new CancellationToken(true)));
        Assert.Equal(StatusCode.Cancelled, e.StatusCode);
    }

    [Fact]
    public async Task A_cancelled_call_throws_operation_canceled_where_the_channel_says_so()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        using GrpcChannel channel = host.Connect(new GrpcChannelOptions { ThrowOperationCanceledOnCancellation = true });
        (TaskCompletionSource started, _) = HoldSay(host);
        using var source = new CancellationTokenSource();
        using AsyncUnaryCall<SayResponse> call = new Echo.EchoClient(channel).SayAsync(new SayRequest(), cancellationToken: source.Token);
        await started.Task.WaitAsync(TestTimeouts.Patience);
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await call);
    }

    [Fact]
    public async Task Disposing_a_call_ends_it()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        (TaskCompletionSource started, TaskCompletionSource cancelled) = HoldSay(host);
        AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest());
        await started.Task.WaitAsync(TestTimeouts.Patience);
        call.Dispose();
        await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
        await cancelled.Task.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Disposing_the_channel_ends_its_calls_and_refuses_new_ones()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        (TaskCompletionSource started, TaskCompletionSource cancelled) = HoldSay(host);
        GrpcChannel channel = host.Connect(new GrpcChannelOptions());
        var client = new Echo.EchoClient(channel);
        using AsyncUnaryCall<SayResponse> call = client.SayAsync(new SayRequest());
        await started.Task.WaitAsync(TestTimeouts.Patience);
        channel.Dispose();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        await cancelled.Task.WaitAsync(TestTimeouts.Patience);
        Assert.Throws<ObjectDisposedException>(() => client.SayAsync(new SayRequest()));
    }

    [Fact]
    public async Task The_status_of_a_call_under_way_cannot_be_asked_for()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        (TaskCompletionSource started, _) = HoldSay(host);
        using AsyncUnaryCall<SayResponse> call = host.Client.SayAsync(new SayRequest());
        await started.Task.WaitAsync(TestTimeouts.Patience);
        Assert.Throws<InvalidOperationException>(() => call.GetStatus());
        Assert.Throws<InvalidOperationException>(() => call.GetTrailers());
    }

    [Fact]
    public async Task Calls_that_are_cancelled_at_any_moment_leave_the_others_alone()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        host.Handlers.Say = async (request, _) =>
        {
            await Task.Yield();
            return new SayResponse { Text = request.Text };
        };
        var calls = new List<Task>();
        for (int i = 0; i < 300; i++)
            calls.Add(i % 3 == 0 ? Cancelled(TimeSpan.FromMicroseconds(random.Next(3000))) : Answered($"{i}"));
        await Task.WhenAll(calls);

        async Task Answered(string text) => Assert.Equal(text, (await host.Client.SayAsync(new SayRequest { Text = text })).Text);

        async Task Cancelled(TimeSpan after)
        {
            using var source = new CancellationTokenSource(after);
            try
            {
                await host.Client.SayAsync(new SayRequest(), cancellationToken: source.Token);
            }
            catch (RpcException e)
            {
                Assert.Equal(StatusCode.Cancelled, e.StatusCode);
            }
        }
    }

    private static (TaskCompletionSource Started, TaskCompletionSource Cancelled) HoldSay(EchoHost host)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Say = async (_, context) =>
        {
            started.SetResult();
            await using (context.CancellationToken.Register(cancelled.SetResult))
                await cancelled.Task.WaitAsync(TestTimeouts.Patience);
            throw new OperationCanceledException(context.CancellationToken);
        };
        return (started, cancelled);
    }
}
