using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public sealed class MetaContextTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _server = new TestServer(new NbdExport("disk0", new MemoryNode(1 << 20)), null, new NbdExport("disk1", new MemoryNode(1 << 20)));
        return default;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(true, "base:")]
    [InlineData(true, "base:allocation")]
    [InlineData(true, "x:y", "base:allocation")]
    [InlineData(false, "qemu:")]
    [InlineData(false, "base:alloc")]
    [InlineData(false, "")]
    public void A_listing_takes_the_namespace_as_a_wildcard(bool found, params string[] queries)
    {
        using RawClient client = Structured();
        var replies = client.Ask(Option.ListMetaContext, RawClient.ContextData("disk0", queries));
        Assert.Equal(found ? [OptionReply.MetaContext, OptionReply.Ack] : [OptionReply.Ack], replies.Select(reply => reply.Reply));
        if (found)
            Assert.Equal("base:allocation"u8.ToArray(), replies[0].Data[4..]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(false, "base:")]
    [InlineData(true, "base:allocation")]
    [InlineData(true, "qemu:dirty-bitmap:x", "base:allocation")]
    public void A_choice_names_the_context(bool found, params string[] queries)
    {
        using RawClient client = Structured();
        var replies = client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", queries));
        Assert.Equal(found, replies.Count == 2);
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        AssertBlockStatus(client, found);
    }

    [Fact]
    public void Contexts_need_structured_replies()
    {
        using RawClient client = RawClient.Greeted(_server.Unix);
        Assert.Equal(OptionReply.ErrInvalid, client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", "base:allocation")).Last().Reply);
        Assert.Equal(OptionReply.ErrInvalid, client.Ask(Option.ListMetaContext, RawClient.ContextData("disk0")).Last().Reply);
    }

    [Theory]
    [InlineData("disk0", "base:")] // A choice of nothing.
    [InlineData("nothing", "base:allocation")]
    public void A_choice_replaces_the_earlier_one_also_when_it_fails(string name, string query)
    {
        using RawClient client = Structured();
        client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", "base:allocation"));
        client.Ask(Option.SetMetaContext, RawClient.ContextData(name, query));
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        AssertBlockStatus(client, works: false);
    }

    [Fact]
    public void A_malformed_choice_clears_the_earlier_one()
    {
        using RawClient client = Structured();
        client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", "base:allocation"));
        Assert.Equal(OptionReply.ErrInvalid, client.Ask(Option.SetMetaContext, 0, 0).Last().Reply);
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        AssertBlockStatus(client, works: false);
    }

    [Fact]
    public void A_choice_for_another_export_does_not_count()
    {
        using RawClient client = Structured();
        client.Ask(Option.SetMetaContext, RawClient.ContextData("disk1", "base:allocation"));
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        AssertBlockStatus(client, works: false);
    }

    [Fact]
    public void A_choice_by_the_empty_name_counts_for_the_export_that_it_means()
    {
        using RawClient client = Structured();
        client.Ask(Option.SetMetaContext, RawClient.ContextData("", "base:allocation"));
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        AssertBlockStatus(client, works: true);
    }

    [Fact]
    public void Strings_of_4096_bytes_pass_and_of_4097_are_too_big()
    {
        using RawClient client = Structured();
        Assert.Equal(OptionReply.Ack, client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", new string('q', 4096))).Last().Reply);
        Assert.Equal(OptionReply.ErrTooBig, client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", new string('q', 4097))).Last().Reply);
        Assert.Equal(OptionReply.ErrTooBig, client.Ask(Option.ListMetaContext, RawClient.ContextData(new string('n', 4097))).Last().Reply);
    }

    [Fact]
    public void More_queries_announced_than_sent_is_invalid()
    {
        using RawClient client = Structured();
        Assert.Equal(OptionReply.ErrInvalid, client.Ask(Option.SetMetaContext, Peer.Bytes(5u, "disk0", uint.MaxValue, 15u, "base:allocation")).Last().Reply);
    }

    private RawClient Structured()
    {
        RawClient client = RawClient.Greeted(_server.Unix);
        client.Ask(Option.StructuredReply);
        return client;
    }

    private static void AssertBlockStatus(RawClient client, bool works)
    {
        client.Request(Command.BlockStatus, 5, 0, 4096);
        Assert.Equal(works ? NbdError.None : NbdError.Inval, client.ReadResult(5));
    }
}
