using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Client;

public sealed class ClientHandshakeTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Everything_that_the_server_tells_is_known_afterwards()
    {
        await using var server = new TestServer(new MemoryNode(12345), readOnly: true);
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Tcp, "");
        Assert.Equal((12345L, true, true), (client.LengthBytes, client.IsReadOnly, client.CanMultiConn));
        Assert.Equal((1, 4096, 32 << 20), (client.MinimumBlockBytes, client.PreferredBlockBytes, client.MaximumBlockBytes));
        Assert.Equal((Capability.Native, Capability.Native), (client.Capabilities.Fua, client.Capabilities.Status));
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, client.WriteAsync(0, new byte[1]).OffThread());
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, client.DiscardAsync(new BlockRange(0, 1)).OffThread());
    }

    [Fact]
    public async Task An_old_server_is_asked_by_export_name()
    {
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(_server.Address, "disk0");
        using ScriptedServer.ServerPeer peer = _server.Accept();
        peer.Greet(HandshakeFlags.FixedNewstyle);
        peer.Expect(Option.StructuredReply);
        peer.Reply(Option.StructuredReply, OptionReply.ErrUnsup);
        peer.Expect(Option.Go);
        peer.Reply(Option.Go, OptionReply.ErrUnsup);
        Assert.Equal("disk0"u8.ToArray(), peer.Expect(Option.ExportName));
        peer.Send(8192ul, TransmissionFlags.HasFlags, new byte[124]);
        NbdClientNode client = await connecting.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(8192, client.LengthBytes);
        Assert.Equal(Capability.Emulated, client.Capabilities.WriteZeroes);
        await client.FlushAsync().OffThread(); // Not offered: nothing may be sent.
        ValueTask read = client.ReadAsync(0, new byte[1]).OffThread();
        Assert.Equal(Command.Read, peer.ReadRequest().Header.Command);
        client.Abort(new IOException("done"));
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, read);
    }

    [Theory]
    [InlineData(OptionReply.ErrUnknown, "no such export: look elsewhere")]
    [InlineData(OptionReply.ErrPolicy, "does not allow it: look elsewhere")]
    [InlineData(OptionReply.ErrTlsRequired, "TLS")]
    [InlineData(OptionReply.ErrShutdown, "being stopped")]
    [InlineData(OptionReply.ErrPlatform, "refused")]
    public async Task A_refusal_is_told_in_the_servers_words(object reply, string reason)
    {
        NbdConnectException error = await FailsAsync(peer =>
        {
            peer.Greet();
            peer.Expect(Option.Go);
            peer.Reply(Option.Go, (OptionReply)reply, "look elsewhere"u8.ToArray());
        });
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(_server.Address.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_nbd_server_is_refused() =>
        Assert.Contains(
            "no NBD server", (await FailsAsync(peer => peer.Send("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray()))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task An_oldstyle_server_is_refused() =>
        Assert.Contains(
            "older protocol", (await FailsAsync(peer => peer.Send(Magic.Server, 0x00420281861253ul, new byte[136]))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_server_that_hangs_up_is_told() =>
        Assert.Contains("hung up", (await FailsAsync(peer =>
        {
            peer.Greet();
            peer.Expect(Option.Go);
        })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_malformed_answer_is_refused() => Assert.Contains("malformed", (await FailsAsync(peer =>
    {
        peer.Greet();
        peer.Expect(Option.Go);
        peer.Reply(Option.List, OptionReply.Ack);
    })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task An_endless_answer_is_refused() => Assert.Contains("malformed", (await FailsAsync(peer =>
    {
        peer.Greet();
        peer.Expect(Option.Go);
        peer.Send(Magic.OptionReply, Option.Go, OptionReply.Info, uint.MaxValue);
    })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Impossible_block_sizes_are_refused() => Assert.Contains("no sizes", (await FailsAsync(peer =>
    {
        peer.Greet();
        peer.Expect(Option.Go);
        peer.Reply(Option.Go, OptionReply.Info, Peer.Bytes(InfoItem.Export, 4096ul, ScriptedServer.AllFlags));
        peer.Reply(Option.Go, OptionReply.Info, Peer.Bytes(InfoItem.BlockSize, 3u, 4096u, 4096u));
        peer.Reply(Option.Go, OptionReply.Ack);
    })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Success_without_a_description_is_refused() => Assert.Contains("did not describe", (await FailsAsync(peer =>
    {
        peer.Greet();
        peer.Expect(Option.Go);
        peer.Reply(Option.Go, OptionReply.Ack);
    })).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_silent_server_costs_the_deadline()
    {
        var options = new NbdClientOptions { ConnectDeadline = TimeSpan.FromMilliseconds(200) };
        NbdConnectException error = await Assert.ThrowsAsync<NbdConnectException>(
            () => NbdClient.ConnectAsync(_server.Address, "disk0", options).WaitAsync(TestTimeouts.Patience));
        Assert.Contains("within", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_free_at_once()
    {
        using var source = new CancellationTokenSource();
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(_server.Address, "disk0", cancellationToken: source.Token);
        using ScriptedServer.ServerPeer peer = _server.Accept();
        peer.Greet();
        await source.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => connecting.WaitAsync(TestTimeouts.Patience));
        peer.Expect(Option.StructuredReply);
        peer.ExpectEnd();
    }

    [Theory]
    [InlineData("nbd://127.0.0.1:1", "refused")]
    [InlineData("nbd+unix:///?socket=/no/such.sock", "such.sock")]
    [InlineData("nbd://no-such-host.invalid", "cannot be resolved")]
    public async Task An_unreachable_server_is_named(string address, string reason)
    {
        NbdConnectException error = await Assert.ThrowsAsync<NbdConnectException>(
            () => NbdClient.ConnectAsync(NbdAddress.Parse(address), "disk0").WaitAsync(TestTimeouts.Patience));
        Assert.Contains(reason, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Localhost_is_found_whatever_family_the_server_listens_on()
    {
        await using var server = new TestServer(new MemoryNode(512));
        await using NbdClientNode client = await NbdClient.ConnectAsync(NbdAddress.Tcp("localhost", server.Tcp.Port), "disk0");
        Assert.Equal(512, client.LengthBytes);
    }

    private async Task<NbdConnectException> FailsAsync(Action<ScriptedServer.ServerPeer> script)
    {
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(_server.Address, "disk0", new NbdClientOptions { Structured = false });
        using (ScriptedServer.ServerPeer peer = _server.Accept())
            script(peer);
        return await Assert.ThrowsAsync<NbdConnectException>(() => connecting.WaitAsync(TestTimeouts.Patience));
    }
}
