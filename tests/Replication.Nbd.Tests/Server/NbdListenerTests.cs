using System.Net.Sockets;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public class NbdListenerTests
{
    [Fact]
    public void Port_zero_becomes_a_real_port()
    {
        using var listener = new NbdListener(NbdAddress.Parse("nbd://127.0.0.1:0"));
        Assert.InRange(listener.LocalAddress.Port, 1, 65535);
    }

    [Fact]
    public void A_port_in_use_is_refused_with_its_address()
    {
        using var first = new NbdListener(NbdAddress.Parse("nbd://127.0.0.1:0"));
        NbdListenException error = Assert.Throws<NbdListenException>(() => new NbdListener(first.LocalAddress));
        Assert.Contains(first.LocalAddress.ToString(), error.Message, StringComparison.Ordinal);
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_with_lingering_connections_can_be_bound_again_at_once()
    {
        var first = new NbdListener(NbdAddress.Parse("nbd://127.0.0.1:0"));
        NbdAddress address = first.LocalAddress;
        using Socket client = Peer.Connect(address);
        first.Socket.Blocking = true;
        Socket accepted = first.Socket.Accept();
        first.Dispose();
        accepted.Dispose(); // The server's side closes first and so keeps the port in FIN_WAIT or TIME_WAIT.
        using var second = new NbdListener(address);
        Assert.Equal(address, second.LocalAddress);
    }

    [Theory]
    [InlineData("nbd://192.0.2.1:0", "does not have that address")]
    [InlineData("nbd://no-such-host.invalid:0", "cannot be resolved")]
    [InlineData("nbd+unix:///?socket=/no/such/directory/x.sock", "cannot listen")]
    public void An_impossible_address_is_refused_with_a_reason(string address, string reason)
    {
        NbdListenException error = Assert.Throws<NbdListenException>(() => new NbdListener(NbdAddress.Parse(address)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_stale_unix_socket_is_replaced()
    {
        using var directory = new TempDirectory();
        string path = directory["a.sock"];
        using (var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            killed.Bind(new UnixDomainSocketEndPoint(path));
            killed.Listen();
            File.Move(path, path + ".kept"); // Closing removes the name that it was bound to; a kill would not.
        }

        File.Move(path + ".kept", path);
        Assert.True(File.Exists(path));
        using var listener = new NbdListener(NbdAddress.Unix(path));
        using Socket client = Peer.Connect(listener.LocalAddress);
    }

    [Fact]
    public void A_live_unix_socket_is_refused_and_left_alone()
    {
        using var directory = new TempDirectory();
        using var first = new NbdListener(NbdAddress.Unix(directory["a.sock"]));
        NbdListenException error = Assert.Throws<NbdListenException>(() => new NbdListener(first.LocalAddress));
        Assert.Contains("another process listens", error.Message, StringComparison.Ordinal);
        using Socket client = Peer.Connect(first.LocalAddress);
    }

    [Fact]
    public void A_file_that_is_no_socket_is_refused_and_left_alone()
    {
        using var directory = new TempDirectory();
        File.WriteAllText(directory["disk.raw"], "data");
        Assert.Throws<NbdListenException>(() => new NbdListener(NbdAddress.Unix(directory["disk.raw"])));
        Assert.Equal("data", File.ReadAllText(directory["disk.raw"]));
    }

    [Fact]
    public void The_file_of_a_unix_socket_goes_with_its_listener()
    {
        using var directory = new TempDirectory();
        new NbdListener(NbdAddress.Unix(directory["a.sock"])).Dispose();
        Assert.False(File.Exists(directory["a.sock"]));
    }
}
