using System.Collections.Concurrent;
using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

/// <summary>Invariant Fence at its root: nothing of a revoked connection reaches the node once the revocation has returned.</summary>
public class RevokeTests
{
    private readonly MemoryNode _disk = new(16 << 20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bytes_in_the_socket_never_reach_the_node_after_a_revocation(bool tcp)
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(tcp ? server.Tcp : server.Unix);
        // More than the server takes in flight: the rest stays in the sockets.
        byte[] write = RawClient.RequestBytes(Command.Write, 1, 0, 4096, CommandFlags.None, Enumerable.Repeat((byte)0x77, 4096).ToArray());
        Task flood = Task.Run(() =>
        {
            try
            {
                while (true)
                    client.Send(write);
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or ObjectDisposedException)
            {
            }
        });
        await node.WaitForPendingAsync(Limits.MaxServerInFlight);
        Task revoking = server.Export.RevokeAsync("superseded");
        Assert.False(revoking.IsCompleted);
        while (!revoking.IsCompleted)
        {
            await node.ReleaseAllAsync();
            await Task.Yield();
        }

        await revoking;
        int writes = _disk.Counts[BlockOperation.Write];
        await flood.WaitAsync(TestTimeouts.Patience);
        Assert.Empty(node.Pending);
        Assert.Equal(writes, _disk.Counts[BlockOperation.Write]);
        Assert.Equal(0, server.Export.ConnectionCount);
    }

    [Fact]
    public async Task Random_moments_of_a_revocation_let_nothing_through_afterwards()
    {
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 30; round++)
        {
            var node = new MemoryNode(1 << 20);
            await using var server = new TestServer(node);
            using RawClient client = RawClient.Opened(round % 2 == 0 ? server.Unix : server.Tcp);
            byte[] write = [.. Enumerable.Range(0, 20).SelectMany(_ => RawClient.RequestBytes(Command.Write, 1, 0, 512, CommandFlags.None, new byte[512]))];
            using var started = new ManualResetEventSlim();
            Task flood = Task.Run(() =>
            {
                try
                {
                    while (true)
                    {
                        client.Send(write);
                        started.Set();
                        client.Read(16 * 20);
                    }
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                }
            });
            started.Wait(TestTimeouts.Patience);
            Thread.SpinWait(random.Next(200_000));
            await server.Export.RevokeAsync("superseded").WaitAsync(TestTimeouts.Patience);
            int writes = node.Counts[BlockOperation.Write];
            await flood.WaitAsync(TestTimeouts.Patience);
            Assert.Equal(writes, node.Counts[BlockOperation.Write]);
        }
    }

    [Fact]
    public async Task A_revoked_export_takes_no_connection()
    {
        await using var server = new TestServer(_disk);
        await server.Export.RevokeAsync("promoted").WaitAsync(TestTimeouts.Patience);
        using RawClient client = RawClient.Greeted(server.Unix);
        var reply = client.Ask(Option.Go, RawClient.InfoData("disk0")).Last();
        Assert.Equal(OptionReply.ErrPolicy, reply.Reply);
        Assert.Contains("promoted", System.Text.Encoding.UTF8.GetString(reply.Data), StringComparison.Ordinal);
        client.SendOption(Option.ExportName, "disk0"u8.ToArray());
        client.ExpectEnd();
    }

    [Fact]
    public async Task The_owner_learns_of_connections_and_of_their_end()
    {
        var events = new BlockingCollection<string>();
        var export = new NbdExport("disk0", _disk);
        export.ConnectionOpened += connection => events.Add($"opened {connection.Id}");
        export.ConnectionClosed += (connection, reason) => events.Add($"closed {connection.Id} {reason.Kind}");
        await using var server = new TestServer(export);
        using (RawClient client = RawClient.Opened(server.Unix))
        {
            string id = Next()["opened ".Length..];
            client.Dispose();
            Assert.Equal($"closed {id} Left", Next());
        }

        using (RawClient client = RawClient.Opened(server.Unix))
        {
            Next();
            client.Request(Command.Disconnect, 0, 0, 0);
            Assert.EndsWith("Disconnected", Next(), StringComparison.Ordinal);
        }

        using (RawClient client = RawClient.Opened(server.Tcp))
        {
            Next();
            client.Send(new byte[100]);
            Assert.EndsWith("Violation", Next(), StringComparison.Ordinal);
        }

        using RawClient last = RawClient.Opened(server.Unix);
        Next();
        await export.RevokeAsync("superseded").WaitAsync(TestTimeouts.Patience);
        Assert.EndsWith("Revoked", Next(), StringComparison.Ordinal);
        last.ExpectEnd();

        string Next() => events.TryTake(out string? text, TestTimeouts.Patience) ? text : throw new TimeoutException();
    }

    [Fact]
    public async Task A_lost_connection_is_told_at_once_though_its_requests_are_in_flight()
    {
        var node = new DeferredNode(_disk);
        var closed = new TaskCompletionSource<NbdCloseReason>(TaskCreationOptions.RunContinuationsAsynchronously);
        var export = new NbdExport("disk0", node);
        export.ConnectionClosed += (_, reason) => closed.TrySetResult(reason);
        await using var server = new TestServer(export);
        using (RawClient client = RawClient.Opened(server.Unix))
        {
            client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 1, 2, 3);
            await node.WaitForPendingAsync();
        }

        Assert.Equal(NbdCloseKind.Lost, (await closed.Task.WaitAsync(TestTimeouts.Patience)).Kind);
        Task revoking = export.RevokeAsync("superseded");
        Assert.False(revoking.IsCompleted);
        await node.ReleaseAllAsync();
        await revoking.WaitAsync(TestTimeouts.Patience);
    }
}
