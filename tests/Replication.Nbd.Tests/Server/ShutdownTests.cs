using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public class ShutdownTests
{
    private readonly MemoryNode _disk = new(1 << 20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_in_flight_are_answered_and_later_ones_get_eshutdown(bool tcp)
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(tcp ? server.Tcp : server.Unix);
        client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 1, 2, 3);
        await node.WaitForPendingAsync();
        Task stopping = server.Server.StopAsync();
        client.Request(Command.Write, 2, 0, 3, CommandFlags.None, 4, 5, 6);
        Assert.Equal(NbdError.Shutdown, client.ReadSimple(2));
        client.Request(Command.Read, 3, 0, 3);
        Assert.Equal(NbdError.Shutdown, client.ReadSimple(3));
        Assert.False(stopping.IsCompleted);
        await node.ReleaseAllAsync();
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        client.ExpectEnd();
        await stopping.WaitAsync(TestTimeouts.Patience);
        Assert.Equal([1, 2, 3], _disk.Snapshot()[..3]);
    }

    [Fact]
    public async Task Idle_connections_and_half_open_handshakes_do_not_hold_up_the_end()
    {
        await using var server = new TestServer(_disk);
        using RawClient idle = RawClient.Opened(server.Unix);
        using RawClient halfway = RawClient.Greeted(server.Tcp);
        await server.Server.StopAsync().WaitAsync(TimeSpan.FromSeconds(4)); // The grace is longer.
        idle.ExpectEnd();
        halfway.ExpectEnd();
    }

    [Fact]
    public async Task A_client_that_takes_no_replies_holds_up_the_end_for_the_grace_only()
    {
        await using var server = new TestServer(_disk, configure: options => options with { ShutdownGrace = TimeSpan.FromMilliseconds(200) });
        using RawClient client = RawClient.Opened(server.Unix);
        for (int i = 0; i < 10; i++)
            client.Request(Command.Read, 1, 0, 1 << 20);
        await Eventually.TrueAsync(() => _disk.Counts[Block.BlockOperation.Read] == 10);
        await server.Server.StopAsync().WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Nobody_is_accepted_any_more()
    {
        await using var server = new TestServer(_disk);
        await server.Server.StopAsync().WaitAsync(TestTimeouts.Patience);
        Assert.ThrowsAny<System.Net.Sockets.SocketException>(() => new RawClient(server.Tcp));
        Assert.ThrowsAny<System.Net.Sockets.SocketException>(() => new RawClient(server.Unix));
        using var again = new NbdListener(server.Tcp);
    }
}
