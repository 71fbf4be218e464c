using Google.Protobuf;
using Grpc.Core;
using Replication.Rpc.Tests.Protos;
using Replication.Testing;

namespace Replication.Rpc.Tests;

public sealed class StreamingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_message_arrives_in_order(bool unixSocket)
    {
        await using EchoHost host = await EchoHost.StartAsync(unixSocket);
        using var call = host.Client.Count(new CountRequest { Messages = 1000, DataBytes = 100 });
        int expected = 0;
        await foreach (CountResponse response in call.ResponseStream.ReadAllAsync())
            Assert.Equal(expected++, response.Number);
        Assert.Equal(1000, expected);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.False(await call.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task A_stream_may_be_empty()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        using var call = host.Client.Count(new CountRequest());
        Assert.False(await call.ResponseStream.MoveNext());
        Assert.Throws<InvalidOperationException>(() => call.ResponseStream.Current);
    }

    [Fact]
    public async Task A_failure_after_messages_comes_after_them()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        host.Handlers.Count = async (_, stream, _) =>
        {
            await stream.WriteAsync(new CountResponse { Number = 7 });
            throw new RpcException(new Status(StatusCode.DataLoss, "gone"));
        };
        using var call = host.Client.Count(new CountRequest());
        Assert.True(await call.ResponseStream.MoveNext());
        Assert.Equal(7, call.ResponseStream.Current.Number);
        for (int i = 0; i < 2; i++)
            Assert.Equal(new Status(StatusCode.DataLoss, "gone"), (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext())).Status);
    }

    [Fact]
    public async Task A_message_is_delivered_when_it_is_written_and_not_at_the_end()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Count = async (_, stream, _) =>
        {
            await stream.WriteAsync(new CountResponse { Number = 1 });
            await go.Task;
            await stream.WriteAsync(new CountResponse { Number = 2 });
        };
        using var call = host.Client.Count(new CountRequest());
        Assert.True(await call.ResponseStream.MoveNext());
        go.SetResult();
        Assert.True(await call.ResponseStream.MoveNext());
        Assert.Equal(2, call.ResponseStream.Current.Number);
    }

    [Fact]
    public async Task A_reader_that_pauses_slows_the_writer_and_loses_nothing()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        int written = 0;
        var blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Count = async (request, stream, _) =>
        {
            var data = ByteString.CopyFrom(new byte[request.DataBytes]);
            for (int number = 0; number < request.Messages; number++)
            {
                Task write = stream.WriteAsync(new CountResponse { Number = number, Data = data });
                if (!write.IsCompleted && number > 0)
                    blocked.TrySetResult();
                await write;
                Interlocked.Increment(ref written);
            }
        };
        using var call = host.Client.Count(new CountRequest { Messages = 2000, DataBytes = 16 * 1024 });
        await blocked.Task.WaitAsync(TestTimeouts.Patience);
        Assert.True(await call.ResponseStream.MoveNext());
        Assert.InRange(Volatile.Read(ref written), 0, 1999);
        int read = 1;
        while (await call.ResponseStream.MoveNext())
            Assert.Equal(read++, call.ResponseStream.Current.Number);
        Assert.Equal(2000, read);
    }

    [Fact]
    public async Task A_paused_reader_does_not_hold_up_other_calls()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        using var paused = host.Client.Count(new CountRequest { Messages = 100_000, DataBytes = 64 * 1024 });
        Assert.True(await paused.ResponseStream.MoveNext());
        for (int i = 0; i < 100; i++)
            Assert.Equal($"{i}", (await host.Client.SayAsync(new SayRequest { Text = $"{i}" })).Text);
    }

    [Fact]
    public async Task A_stream_that_its_reader_abandons_ends_the_handler_even_in_a_write_that_waits()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        TaskCompletionSource<Exception?> ended = WriteForEver(host);
        var call = host.Client.Count(new CountRequest());
        Assert.True(await call.ResponseStream.MoveNext());
        call.Dispose();
        Assert.Equal(StatusCode.Cancelled, Assert.IsType<RpcException>(await ended.Task.WaitAsync(TestTimeouts.Patience)).StatusCode);
        Assert.Equal("next", (await host.Client.SayAsync(new SayRequest { Text = "next" })).Text);
    }

    [Fact]
    public async Task A_deadline_ends_a_write_that_waits_for_a_reader()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        TaskCompletionSource<Exception?> ended = WriteForEver(host);
        using var call = host.Client.Count(new CountRequest(), deadline: DateTime.UtcNow.AddMilliseconds(300));
        Assert.Equal(StatusCode.DeadlineExceeded, await StatusOfRest(call.ResponseStream, pauseFirst: ended.Task));
        Assert.NotNull(await ended.Task.WaitAsync(TestTimeouts.Patience));
        Assert.Equal("next", (await host.Client.SayAsync(new SayRequest { Text = "next" })).Text);
    }

    [Fact]
    public async Task Cancelling_a_read_cancels_the_call()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Count = async (_, stream, context) =>
        {
            await stream.WriteAsync(new CountResponse());
            await using (context.CancellationToken.Register(cancelled.SetResult))
                await cancelled.Task.WaitAsync(TestTimeouts.Patience);
        };
        using var call = host.Client.Count(new CountRequest());
        Assert.True(await call.ResponseStream.MoveNext());
        using var source = new CancellationTokenSource();
        Task<bool> next = call.ResponseStream.MoveNext(source.Token);
        await source.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => next)).StatusCode);
        await cancelled.Task.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Two_writes_at_once_are_refused()
    {
        await using EchoHost host = await EchoHost.StartAsync();
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Count = async (_, stream, context) =>
        {
            var data = ByteString.CopyFrom(new byte[64 * 1024]);
            Task write;
            do
                write = stream.WriteAsync(new CountResponse { Data = data });
            while (!write.IsFaulted); // nobody reads, so that one of them stays under way
            await Assert.ThrowsAsync<InvalidOperationException>(() => write);
            refused.SetResult();
            throw new RpcException(new Status(StatusCode.Aborted, "as expected"));
        };
        using var call = host.Client.Count(new CountRequest());
        await refused.Task.WaitAsync(TestTimeouts.Patience);
        Assert.Contains(await StatusOfRest(call.ResponseStream, Task.CompletedTask), new[] { StatusCode.Aborted, StatusCode.Cancelled });
    }

    private static TaskCompletionSource<Exception?> WriteForEver(EchoHost host)
    {
        var ended = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Handlers.Count = async (_, stream, _) =>
        {
            try
            {
                var data = ByteString.CopyFrom(new byte[64 * 1024]);
                while (true)
                    await stream.WriteAsync(new CountResponse { Data = data });
            }
            catch (Exception e)
            {
                ended.SetResult(e);
                throw;
            }
        };
        return ended;
    }

    private static async Task<StatusCode> StatusOfRest(IAsyncStreamReader<CountResponse> stream, Task pauseFirst)
    {
        await pauseFirst.WaitAsync(TestTimeouts.Patience);
        try
        {
            while (await stream.MoveNext())
            {
            }

            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}
