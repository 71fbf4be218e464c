using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;
using static Replication.Nbd.Tests.ScriptedServer;

namespace Replication.Nbd.Tests.Client;

public sealed class ClientAbortTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Abort_fails_everything_at_once_though_the_peer_is_silent()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        List<Task> requests = [.. Enumerable.Range(0, 3000).Select(i => client.WriteAsync(i, new byte[1]).AsTask())]; // More than may be on the wire.
        var reason = new TimeoutException("silent");
        client.Abort(reason);
        Assert.All(requests, request => Assert.True(request.IsFaulted));
        foreach (Task request in requests)
        {
            BlockException error = await Assert.ThrowsAsync<BlockException>(() => request);
            Assert.Equal((BlockErrorKind.Shutdown, reason), (error.Kind, error.InnerException));
        }

        Assert.Same(reason, client.Reason);
        await client.DisposeAsync().AsTask().WaitAsync(TestTimeouts.Patience);
        peer.Dispose();
    }

    [Fact]
    public async Task The_first_reason_wins_and_later_calls_fail_with_it()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        client.Abort(new IOException("first"));
        client.Abort(new IOException("second"));
        peer.ExpectEnd();
        Assert.Equal("first", client.Reason!.Message);
        foreach (Func<ValueTask> request in new Func<ValueTask>[] { () => client.ReadAsync(0, new byte[1]).OffThread(), () => client.FlushAsync().OffThread(),
            () => client.DiscardAsync(new BlockRange(0, 1)).OffThread() })
            Assert.Contains("first", (await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, request())).Message, StringComparison.Ordinal);
        string? told = null;
        client.OnClosed(reason => told = reason.Message);
        Assert.Equal("first", told);
    }

    [Fact]
    public async Task Observers_learn_of_the_end_before_any_request_fails()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        Task flush = client.FlushAsync().AsTask();
        bool pendingWhenTold = false;
        client.OnClosed(_ =>
        {
            pendingWhenTold = !flush.IsCompleted;
            Assert.False(client.FlushAsync().IsCompleted); // Nor does a new one fail yet.
        });
        client.Abort(new IOException("end"));
        Assert.True(pendingWhenTold);
        Assert.True(flush.IsFaulted);
        peer.Dispose();
    }

    [Fact]
    public async Task Nothing_of_a_callers_buffer_is_sent_after_its_request_has_failed()
    {
        for (int round = 0; round < 20; round++)
        {
            (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(lengthBytes: 64 << 20);
            byte[] buffer = new byte[8 << 20];
            Array.Fill(buffer, (byte)1);
            Task write = client.WriteAsync(0, buffer).AsTask();
            peer.Read(WireSize.Request + (round * 100_000)); // The rest is on its way through socket and buffer.
            Task<int> receiving = Task.Run(() => CountUntilEnd(peer));
            client.Abort(new IOException("end"));
            Assert.True(write.IsFaulted);
            Array.Fill(buffer, (byte)2);
            Assert.Equal(0, await receiving.WaitAsync(TestTimeouts.Patience));
            peer.Dispose();
        }

        static int CountUntilEnd(ServerPeer peer)
        {
            byte[] bytes = new byte[1 << 20];
            int wrong = 0;
            try
            {
                for (int count; (count = peer.Socket.Receive(bytes)) > 0;)
                    wrong += bytes.AsSpan(0, count).Count((byte)2);
            }
            catch (System.Net.Sockets.SocketException)
            {
            }

            return wrong;
        }
    }

    [Fact]
    public async Task A_buffer_that_is_being_received_into_is_left_alone_after_its_request_has_failed()
    {
        Random random = DeterministicRandom.Create();
        await using var server = new TestServer(new MemoryNode(8 << 20, fill: 1));
        for (int round = 0; round < 100; round++)
        {
            await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "");
            byte[] buffer = new byte[4 << 20];
            Task read = client.ReadAsync(0, buffer).AsTask();
            Thread.SpinWait(random.Next(100_000));
            client.Abort(new IOException("end"));
            try
            {
                await read.WaitAsync(TestTimeouts.Patience);
            }
            catch (BlockException)
            {
                Array.Fill(buffer, (byte)9);
                Thread.SpinWait(20_000);
                Assert.Equal(-1, buffer.AsSpan().IndexOfAnyExcept((byte)9));
            }
        }
    }

    [Fact]
    public async Task A_server_that_reads_nothing_does_not_block_the_submitting_thread_and_memory_stays_bounded()
    {
        var pool = new ChunkPool();
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(lengthBytes: 1ul << 40, options: new NbdClientOptions { Pool = pool });
        byte[] data = new byte[4096];
        List<Task> writes = [.. Enumerable.Range(0, 20_000).Select(i => client.WriteAsync(i * 4096L, data).OffThread().AsTask())];
        Assert.All(writes, write => Assert.False(write.IsCompleted));
        Assert.InRange(pool.Outstanding, 1, 32); // 1024 requests of 4 KiB are 4 MiB.
        for (int i = 0; i < writes.Count; i++)
        {
            RequestHeader header = peer.ReadRequest().Header;
            Assert.Equal((ulong)i * 4096, header.OffsetBytes); // In the order of their submission.
            peer.SendSimple(header.Cookie);
        }

        await Task.WhenAll(writes).WaitAsync(TestTimeouts.Patience);
        await client.DisposeAsync();
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public async Task Requests_of_many_threads_and_a_batch_all_complete()
    {
        await using var server = new TestServer(new MemoryNode(8 << 20));
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "");
        Task[] threads = [.. Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            for (int round = 0; round < 50; round++)
            {
                List<Task> batch = [];
                byte[] data = Enumerable.Repeat((byte)(thread + round), 20_000).ToArray();
                using (IoBatch.Enter())
                {
                    for (int i = 0; i < 10; i++)
                        batch.Add(client.WriteAsync((thread << 21) + (i * 30_000), data.AsMemory(0, i % 2 == 0 ? 20_000 : 300)).OffThread().AsTask());
                }

                await Task.WhenAll(batch);
                for (int i = 0; i < 10; i++)
                    await BlockAssert.ContentAsync(client, (thread << 21) + (i * 30_000), data.AsMemory(0, i % 2 == 0 ? 20_000 : 300));
            }
        }))];
        await Task.WhenAll(threads).WaitAsync(TestTimeouts.Patience);
    }
}
