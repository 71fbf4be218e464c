using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public sealed class HandshakeTests : IAsyncLifetime
{
    private const TransmissionFlags Basic = TransmissionFlags.HasFlags | TransmissionFlags.Flush | TransmissionFlags.Fua | TransmissionFlags.Trim
        | TransmissionFlags.WriteZeroes | TransmissionFlags.MultiConn;

    private readonly MemoryNode _disk = new(1 << 20);
    private TestServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _server = new TestServer(
            new NbdExport("disk0", _disk) { Description = "a disk" }, null, new NbdExport("dïsk1", new MemoryNode(512)) { ReadOnly = true });
        return default;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Export_name_is_answered_with_size_and_flags_and_no_zeroes()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        client.SendOption(Option.ExportName, "disk0"u8.ToArray());
        Assert.Equal(1u << 20, client.ReadUInt64());
        Assert.Equal(Basic, (TransmissionFlags)client.ReadUInt16());
        AssertServes(client);
    }

    [Fact]
    public void Export_name_is_followed_by_zeroes_for_a_client_that_wants_them()
    {
        using RawClient client = RawClient.Greeted(_server.Tcp, HandshakeFlags.FixedNewstyle);
        client.SendOption(Option.ExportName);
        Assert.Equal(1u << 20, client.ReadUInt64());
        client.ReadUInt16();
        Assert.Equal(new byte[124], client.Read(124));
        AssertServes(client);
    }

    [Fact]
    public void Export_name_of_an_unknown_export_ends_the_connection()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        client.SendOption(Option.ExportName, "nothing"u8.ToArray());
        client.ExpectEnd();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Info_and_go_give_the_same_answer(bool structured)
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        if (structured)
            client.Ask(Option.StructuredReply);
        byte[] data = RawClient.InfoData("", InfoItem.Name, InfoItem.Description, InfoItem.BlockSize, InfoItem.Export);
        var info = client.Ask(Option.Info, data);
        var go = client.Ask(Option.Go, data);
        Assert.Equal(info, go, (a, b) => a.Reply == b.Reply && a.Data.SequenceEqual(b.Data));
        TransmissionFlags flags = structured ? Basic | TransmissionFlags.Df : Basic;
        Assert.Contains(info, reply => reply.Data.SequenceEqual(Peer.Bytes(InfoItem.Export, 1ul << 20, flags)));
        Assert.Contains(info, reply => reply.Data.SequenceEqual(Peer.Bytes(InfoItem.BlockSize, 1u, 4096u, 32u << 20)));
        Assert.Contains(info, reply => reply.Data.SequenceEqual(Peer.Bytes(InfoItem.Name, "disk0")));
        Assert.Contains(info, reply => reply.Data.SequenceEqual(Peer.Bytes(InfoItem.Description, "a disk")));
    }

    [Fact]
    public void What_was_not_asked_for_is_not_told()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        var replies = client.Ask(Option.Go, RawClient.InfoData("disk0"));
        Assert.Equal([OptionReply.Info, OptionReply.Ack], replies.Select(reply => reply.Reply));
        AssertServes(client);
    }

    [Fact]
    public void A_read_only_export_says_so_and_offers_no_trim()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        var replies = client.Ask(Option.Info, RawClient.InfoData("dïsk1"));
        var flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(replies[0].Data.AsSpan(10));
        Assert.True(flags.HasFlag(TransmissionFlags.ReadOnly));
        Assert.Equal(TransmissionFlags.None, flags & (TransmissionFlags.Trim | TransmissionFlags.WriteZeroes));
    }

    [Fact]
    public void List_shows_names_and_descriptions()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        var replies = client.Ask(Option.List);
        Assert.Equal([OptionReply.Server, OptionReply.Server, OptionReply.Ack], replies.Select(reply => reply.Reply));
        Assert.Equal(Peer.Bytes(5u, "disk0", "a disk"), replies[0].Data);
        Assert.Equal(Peer.Bytes((uint)Encoding.UTF8.GetByteCount("dïsk1"), "dïsk1"), replies[1].Data);
    }

    [Fact]
    public void Abort_is_acknowledged_and_ends_the_connection()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.Ack, Assert.Single(client.Ask(Option.Abort)).Reply);
        client.ExpectEnd();
    }

    [Theory]
    [InlineData(Option.StartTls)]
    [InlineData(Option.ExtendedHeaders)]
    [InlineData((Option)4)]
    [InlineData((Option)0x7fffffff)]
    public void An_unknown_option_is_unsupported_and_the_handshake_goes_on(object option)
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.ErrUnsup, Assert.Single(client.Ask((Option)option, 1, 2, 3)).Reply);
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, RawClient.InfoData("disk0")).Last().Reply);
        AssertServes(client);
    }

    [Fact]
    public void Options_may_come_in_any_order_and_more_than_once()
    {
        Option[] options = [Option.List, Option.StructuredReply, Option.Info, Option.SetMetaContext, Option.ListMetaContext, Option.StartTls];
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 20; round++)
        {
            using RawClient client = RawClient.Greeted(round % 2 == 0 ? _server.Unix : _server.Tcp);
            bool structured = false;
            for (int i = 0; i < 12; i++)
            {
                Option option = options[random.Next(options.Length)];
                byte[] data = option switch
                {
                    Option.Info => RawClient.InfoData("disk0", InfoItem.Name),
                    Option.SetMetaContext or Option.ListMetaContext => RawClient.ContextData("disk0", "base:allocation"),
                    _ => [],
                };
                bool fails = option == Option.StartTls || (!structured && option is (Option.SetMetaContext or Option.ListMetaContext));
                Assert.Equal(!fails, client.Ask(option, data).Last().Reply == OptionReply.Ack);
                structured |= option == Option.StructuredReply;
            }

            Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, RawClient.InfoData("disk0")).Last().Reply);
            client.Request(Command.Flush, 1, 0, 0);
            Assert.Equal(NbdError.None, client.ReadResult(1));
        }
    }

    [Theory]
    [InlineData(Option.Go)]
    [InlineData(Option.Info)]
    public void A_name_of_4096_bytes_is_looked_up_and_one_of_4097_is_too_big(object option)
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.ErrUnknown, client.Ask((Option)option, RawClient.InfoData(new string('x', 4096))).Last().Reply);
        Assert.Equal(OptionReply.ErrTooBig, client.Ask((Option)option, RawClient.InfoData(new string('x', 4097))).Last().Reply);
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, RawClient.InfoData("disk0")).Last().Reply);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 9, 65, 0, 0 })] // The name is longer than the data.
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 1 })] // One item is announced, none follows.
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 2, 0, 1 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 7 })] // A byte too many.
    [InlineData(new byte[] { 0, 0, 0, 1, 0xff, 0, 0 })] // Not UTF-8.
    public void Malformed_go_data_is_invalid_and_the_handshake_goes_on(byte[] data)
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.ErrInvalid, Assert.Single(client.Ask(Option.Go, data)).Reply);
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, RawClient.InfoData("disk0")).Last().Reply);
    }

    [Fact]
    public void Options_that_take_no_data_refuse_some()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.ErrInvalid, Assert.Single(client.Ask(Option.List, 1)).Reply);
        Assert.Equal(OptionReply.ErrInvalid, Assert.Single(client.Ask(Option.StructuredReply, 1)).Reply);
    }

    [Fact]
    public void Unknown_handshake_flags_end_the_connection()
    {
        using RawClient client = RawClient.Greeted(_server.Unix, (HandshakeFlags)0x8001);
        client.ExpectEnd();
        AssertTrouble("unknown handshake flags");
    }

    [Fact]
    public void An_option_without_its_magic_ends_the_connection()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        client.Send(Magic.Server, Option.List, 0u);
        client.ExpectEnd();
        AssertTrouble("no option");
    }

    [Fact]
    public void An_endless_option_ends_the_connection()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        client.Send(Magic.Option, Option.Go, uint.MaxValue);
        client.ExpectEnd();
        AssertTrouble("option of 4294967295 bytes");
    }

    [Fact]
    public void A_client_that_haggles_without_end_is_hung_up_on()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        for (int i = 0; i < Limits.MaxOptions; i++)
            client.Ask(Option.List, 1);
        client.ExpectEnd();
    }

    [Fact]
    public async Task A_half_open_handshake_ends_at_its_deadline()
    {
        await using var server = new TestServer(_disk, configure: options => options with { HandshakeDeadline = TimeSpan.FromMilliseconds(200) });
        using RawClient silent = new(server.Unix);
        using RawClient halfway = RawClient.Greeted(server.Tcp);
        halfway.Send(Magic.Option);
        silent.Read(18);
        silent.ExpectEnd();
        halfway.ExpectEnd();
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_closed_and_one_that_ends_makes_room()
    {
        await using var server = new TestServer(_disk, configure: options => options with { MaxConnections = 3 });
        List<RawClient> clients = [.. Enumerable.Range(0, 3).Select(_ => RawClient.Greeted(server.Unix))];
        using (var fourth = new RawClient(server.Unix))
            fourth.ExpectEnd();
        clients[0].Ask(Option.Abort);
        clients[0].ExpectEnd();
        await Eventually.TrueAsync(() => TryGreet(server.Unix));
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task An_export_for_one_connection_refuses_the_second()
    {
        await using var server = new TestServer(new NbdExport("disk0", _disk) { MaxConnections = 1 });
        using (RawClient first = RawClient.Opened(server.Unix))
        using (RawClient second = RawClient.Greeted(server.Unix))
        {
            Assert.Equal(OptionReply.ErrPolicy, second.Ask(Option.Go, RawClient.InfoData("disk0")).Last().Reply);
            Assert.Equal(OptionReply.Ack, second.Ask(Option.Info, RawClient.InfoData("disk0")).Last().Reply);
            AssertServes(first);
        }

        await Eventually.TrueAsync(() => server.Export.ConnectionCount == 0);
        using RawClient third = RawClient.Opened(server.Unix);
        AssertServes(third);
    }

    private static bool TryGreet(NbdAddress address)
    {
        using var client = new RawClient(address);
        byte[] first = new byte[1];
        return client.Socket.Receive(first) == 1;
    }

    private static void AssertServes(RawClient client)
    {
        client.Request(Command.Read, 7, 0, 512);
        Assert.Equal(NbdError.None, client.ReadSimple(7));
        Assert.Equal(new byte[512], client.Read(512));
    }

    private void AssertTrouble(string text) =>
        Assert.Contains(text, Assert.Single(_server.Troubles), StringComparison.Ordinal);
}
