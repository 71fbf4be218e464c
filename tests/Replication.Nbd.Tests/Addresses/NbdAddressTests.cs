namespace Replication.Nbd.Tests.Addresses;

public class NbdAddressTests
{
    [Theory]
    [InlineData("nbd://127.0.0.1:10809", "127.0.0.1", 10809, "")]
    [InlineData("nbd://localhost", "localhost", 10809, "")]
    [InlineData("NBD://host-1.example:0/disk0", "host-1.example", 0, "disk0")]
    [InlineData("nbd://[::1]:65535/a%20b/c", "::1", 65535, "a b/c")]
    [InlineData("nbd://[fe80::1]", "fe80::1", 10809, "")]
    [InlineData("nbd://h/disk@0123", "h", 10809, "disk@0123")]
    public void Tcp_addresses_are_read(string text, string host, int port, string export)
    {
        NbdAddress address = NbdAddress.Parse(text);
        Assert.Equal((host, port, export, false), (address.Host, address.Port, address.ExportName, address.IsUnix));
        Assert.Equal(address, NbdAddress.Parse(address.ToString()));
    }

    [Theory]
    [InlineData("nbd+unix:///?socket=/run/a.sock", "/run/a.sock", "")]
    [InlineData("nbd+unix:///disk0?socket=relative.sock", "relative.sock", "disk0")]
    [InlineData("nbd+unix:///a%3Fb?socket=/tmp/with%20space%26more", "/tmp/with space&more", "a?b")]
    public void Unix_addresses_are_read(string text, string path, string export)
    {
        NbdAddress address = NbdAddress.Parse(text);
        Assert.Equal((path, export, true), (address.SocketPath, address.ExportName, address.IsUnix));
        Assert.Equal(address, NbdAddress.Parse(address.ToString()));
    }

    [Theory]
    [InlineData("nbd://127.0.0.1:10809")]
    [InlineData("nbd://[::1]:1/x")]
    [InlineData("nbd+unix:///?socket=/run/replication/vm1.sock")]
    [InlineData("nbd+unix:///disk0?socket=/tmp/a%20b")]
    public void An_address_prints_in_the_form_in_which_it_is_read(string text) => Assert.Equal(text, NbdAddress.Parse(text).ToString());

    [Theory]
    [InlineData(null, "missing")]
    [InlineData("", "missing")]
    [InlineData("nbds://host", "TLS is not available yet")]
    [InlineData("nbds+unix:///?socket=/x", "TLS is not available yet")]
    [InlineData("grpc://host", "no NBD address")]
    [InlineData("host:10809", "no NBD address")]
    [InlineData("nbd://", "host is missing")]
    [InlineData("nbd://:10809", "host is missing")]
    [InlineData("nbd://h:65536", "no port")]
    [InlineData("nbd://h:-1", "no port")]
    [InlineData("nbd://h:", "no port")]
    [InlineData("nbd://h:1x", "no port")]
    [InlineData("nbd://::1", "brackets")]
    [InlineData("nbd://[::1", "not closed")]
    [InlineData("nbd://[127.0.0.1]", "no IPv6")]
    [InlineData("nbd://[::1]x", "only a port")]
    [InlineData("nbd://h/x?y", "does not belong")]
    [InlineData("nbd://user@h", "no host name")]
    [InlineData("nbd://h/%zz", "hexadecimal")]
    [InlineData("nbd://h/%0", "hexadecimal")]
    [InlineData("nbd://h/%00", "zero byte")]
    [InlineData("nbd+unix://host/?socket=/x", "no host")]
    [InlineData("nbd+unix:///", "socket is missing")]
    [InlineData("nbd+unix:///?path=/x", "socket is missing")]
    [InlineData("nbd+unix:///?socket=", "empty")]
    [InlineData("nbd+unix:///?socket=/x&tls=1", "only socket=")]
    public void What_is_no_address_is_refused_with_a_reason(string? text, string reason)
    {
        Assert.False(NbdAddress.TryParse(text, out NbdAddress? address, out string? found));
        Assert.Null(address);
        Assert.Contains(reason, found, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', found);
    }

    [Fact]
    public void A_socket_path_is_bounded_by_the_kernel()
    {
        Assert.True(NbdAddress.TryParse($"nbd+unix:///?socket=/{new string('x', 106)}", out _, out _));
        Assert.False(NbdAddress.TryParse($"nbd+unix:///?socket=/{new string('x', 107)}", out _, out string? reason));
        Assert.Contains("longer than 107 bytes", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_export_name_is_bounded_by_the_protocol()
    {
        Assert.True(NbdAddress.TryParse($"nbd://h/{new string('x', 4096)}", out _, out _));
        Assert.False(NbdAddress.TryParse($"nbd://h/{new string('x', 4097)}", out _, out _));
    }

    [Theory]
    [InlineData("nbd://127.0.0.1", true)]
    [InlineData("nbd://127.8.9.1", true)]
    [InlineData("nbd://localhost", true)]
    [InlineData("nbd://[::1]", true)]
    [InlineData("nbd+unix:///?socket=/x", true)]
    [InlineData("nbd://0.0.0.0", false)]
    [InlineData("nbd://[::]", false)]
    [InlineData("nbd://10.0.0.1", false)]
    [InlineData("nbd://example.org", false)]
    public void Loopback_is_what_only_this_machine_can_reach(string text, bool loopback) => Assert.Equal(loopback, NbdAddress.Parse(text).IsLoopback);
}
