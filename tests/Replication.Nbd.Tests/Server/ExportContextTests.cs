using System.Buffers.Binary;
using System.Text;
using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

/// <summary>Contexts that an export has beside base:allocation.</summary>
public sealed class ExportContextTests : IAsyncLifetime
{
    private const int LengthBytes = (1 << 20) + 512;
    private const int GranuleBytes = 64 << 10;
    private const string Base = "base:allocation";
    private const string Depth = "qemu:allocation-depth";
    private const string B0 = "qemu:dirty-bitmap:b0";
    private const string B1 = "qemu:dirty-bitmap:b1:x";

    private readonly MemoryNode _disk = new(LengthBytes);
    private readonly BlockBitmap _b0 = NewBitmap();
    private readonly BlockBitmap _b1 = NewBitmap();
    private TestServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        await _disk.FillAsync(new BlockRange(8192, 8192), 1);
        _b0.Set(1, 2);
        _b0.Set(16, 1); // The last one, of which the disk has 512 bytes.
        _b1.Set(0, 1);
        _server = new TestServer(new NbdExport("disk0", _disk)
        {
            Contexts = [
                new AllocationDepthContext(range =>
                    ValueTask.FromResult(new NbdExtent(Math.Min(range.LengthBytes, 4096), (uint)(range.OffsetBytes / 4096 % 4)))),
                new DirtyBitmapContext("b0", _b0, GranuleBytes), new DirtyBitmapContext("b1:x", _b1, GranuleBytes)],
        });
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(new string[0], new[] { Base, Depth, B0, B1 })]
    [InlineData(new[] { "base:" }, new[] { Base })]
    [InlineData(new[] { "qemu:" }, new[] { Depth, B0, B1 })]
    [InlineData(new[] { "qemu:dirty-bitmap:" }, new[] { B0, B1 })]
    [InlineData(new[] { "qemu:dirty-bitmap:b1:" }, new string[0])]
    [InlineData(new[] { "qemu:dirty-bitmap" }, new string[0])]
    [InlineData(new[] { "qemu:allocation-depth" }, new[] { Depth })]
    [InlineData(new[] { B1, "qemu:dirty-bitmap:", B0, "x:", "base:" }, new[] { Base, B0, B1 })]
    public void A_listing_takes_namespaces_and_the_bitmaps_beginning_as_wildcards(string[] queries, string[] expected)
    {
        using RawClient client = Structured();
        List<(uint Id, string Name)> found = Contexts(client.Ask(Option.ListMetaContext, RawClient.ContextData("disk0", queries)));
        Assert.Equal(expected.Select(name => (0u, name)), found);
    }

    [Theory]
    [InlineData(new string[0], new string[0])]
    [InlineData(new[] { "qemu:", "base:", "qemu:dirty-bitmap:" }, new string[0])]
    [InlineData(new[] { B0 }, new[] { B0 })]
    [InlineData(new[] { B1, "qemu:dirty-bitmap:none", Base, B1, Depth }, new[] { Base, Depth, B1 })]
    public void A_choice_names_each_context_and_gives_it_an_id_of_its_own(string[] queries, string[] expected)
    {
        using RawClient client = Structured();
        List<(uint Id, string Name)> chosen = Contexts(client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", queries)));
        Assert.Equal(expected, chosen.Select(context => context.Name));
        Assert.Equal(chosen.Count, chosen.DistinctBy(context => context.Id).Count());
    }

    [Fact]
    public void One_reply_tells_every_context_that_was_chosen()
    {
        var told = Ask(CommandFlags.None, 0, 96 << 10, Base, B0, B1);
        Assert.Equal([(8192u, 3u), (8192u, 0u), (80u << 10, 3u)], told[Base]);
        Assert.Equal([(64u << 10, 0u), (32u << 10, 1u)], told[B0]);
        Assert.Equal([(64u << 10, 1u), (32u << 10, 0u)], told[B1]);
    }

    [Fact]
    public void Req_one_gives_one_extent_of_each_context()
    {
        var told = Ask(CommandFlags.ReqOne, 100, 90_000, Base, Depth, B0);
        Assert.Equal([(8092u, 3u)], told[Base]);
        Assert.Equal([(4096u, 0u)], told[Depth]);
        Assert.Equal([((64u << 10) - 100, 0u)], told[B0]);
    }

    [Fact]
    public void A_bitmap_ends_with_the_disk_though_its_last_granule_goes_on()
    {
        Assert.Equal([(512u, 1u)], Ask(CommandFlags.None, 1 << 20, 512, B0)[B0]);
        Assert.Equal([((1u << 20) - (3 * GranuleBytes), 0u), (512u, 1u)], Ask(CommandFlags.None, 3 * GranuleBytes, LengthBytes - (3 * GranuleBytes), B0)[B0]);
    }

    [Fact]
    public void Block_status_tells_a_bitmap_though_base_allocation_was_not_chosen() =>
        Assert.Equal([B0], Ask(CommandFlags.None, 0, LengthBytes, B0).Keys);

    [Fact]
    public async Task All_contexts_together_are_bounded()
    {
        var stripes = new BlockBitmap(LengthBytes / 64 + 1);
        for (int bit = 0; bit < stripes.LengthBits; bit += 2)
            stripes.Set(bit, 1);
        await using var server = new TestServer(new NbdExport("disk0", _disk)
        {
            Contexts = [new DirtyBitmapContext("b0", stripes, 64), new DirtyBitmapContext("b1", stripes, 64)],
        });
        var told = Ask(server, CommandFlags.None, 0, LengthBytes, B0, "qemu:dirty-bitmap:b1");
        Assert.Equal([Limits.MaxStatusExtents / 2, Limits.MaxStatusExtents / 2], told.Values.Select(extents => extents.Count));
    }

    [Fact]
    public async Task More_contexts_than_a_connection_may_have_are_refused()
    {
        DirtyBitmapContext[] contexts = [.. Enumerable.Range(0, Limits.MaxSessionContexts + 1).Select(i => new DirtyBitmapContext($"n{i}", _b0, GranuleBytes))];
        await using var server = new TestServer(new NbdExport("disk0", _disk) { Contexts = contexts });
        using RawClient client = Structured(server);
        client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", Base));
        string[] names = [.. contexts.Select(context => context.Name)];
        Assert.Equal(OptionReply.ErrTooBig, client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", names)).Single().Reply);
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        client.Request(Command.BlockStatus, 5, 0, 4096);
        Assert.Equal(NbdError.Inval, client.ReadResult(5));
    }

    [Fact]
    public async Task An_error_behind_some_extents_ends_them_and_one_at_the_beginning_is_the_answer()
    {
        await using var server = new TestServer(new NbdExport("disk0", _disk)
        {
            Contexts = [new AllocationDepthContext(range => range.OffsetBytes < 4096
                ? ValueTask.FromResult(new NbdExtent(4096 - range.OffsetBytes, 1))
                : throw new BlockException(BlockErrorKind.Io, "disk0", BlockOperation.Status, range, "denied", Errno.EACCES))],
        });
        Assert.Equal([(3096u, 1u)], Ask(server, CommandFlags.None, 1000, 10_000, Depth)[Depth]);
        using RawClient client = Structured(server);
        client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", Base, Depth));
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        client.Request(Command.BlockStatus, 5, 4096, 4096);
        Assert.Equal(NbdError.Perm, client.ReadResult(5));
    }

    [Fact]
    public void Names_are_unique_and_have_a_namespace()
    {
        Assert.Throws<ArgumentException>(() => new NbdExport("x", _disk) { Contexts = [Named("b"), Named("b")] });
        Assert.Throws<ArgumentException>(() => new NbdExport("x", _disk) { Contexts = [new OtherContext("none")] });
        Assert.Throws<ArgumentException>(() => new NbdExport("x", _disk) { Contexts = [new OtherContext(Base)] });
        Assert.Throws<ArgumentException>(() => new NbdExport("x", _disk) { Contexts = [Named(new string('b', 4096))] });

        DirtyBitmapContext Named(string name) => new(name, _b0, GranuleBytes);
    }

    private static BlockBitmap NewBitmap() => new((LengthBytes + GranuleBytes - 1) / GranuleBytes);

    private Dictionary<string, List<(uint LengthBytes, uint Flags)>> Ask(CommandFlags flags, ulong offset, uint length, params string[] contexts) =>
        Ask(_server, flags, offset, length, contexts);

    private static Dictionary<string, List<(uint LengthBytes, uint Flags)>> Ask(
        TestServer server, CommandFlags flags, ulong offset, uint length, params string[] contexts)
    {
        using RawClient client = Structured(server);
        List<(uint Id, string Name)> chosen = Contexts(client.Ask(Option.SetMetaContext, RawClient.ContextData("disk0", contexts)));
        client.Ask(Option.Go, RawClient.InfoData("disk0"));
        client.Request(Command.BlockStatus, 3, offset, length, flags);
        Dictionary<string, List<(uint LengthBytes, uint Flags)>> told = [];
        for (int i = 0; i < chosen.Count; i++)
        {
            var chunk = client.ReadChunk();
            Assert.Equal((i == chosen.Count - 1 ? ChunkFlags.Done : ChunkFlags.None, ChunkType.BlockStatus, 3ul), (chunk.Flags, chunk.Type, chunk.Cookie));
            uint id = BinaryPrimitives.ReadUInt32BigEndian(chunk.Data);
            List<(uint LengthBytes, uint Flags)> extents = [];
            for (int at = 4; at < chunk.Data.Length; at += 8)
                extents.Add((BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(at)), BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(at + 4))));
            told.Add(chosen.Single(context => context.Id == id).Name, extents);
        }

        return told;
    }

    private static List<(uint Id, string Name)> Contexts(List<(OptionReply Reply, byte[] Data)> replies)
    {
        Assert.Equal(OptionReply.Ack, replies[^1].Reply);
        return [.. replies.SkipLast(1).Select(reply => (BinaryPrimitives.ReadUInt32BigEndian(reply.Data), Encoding.UTF8.GetString(reply.Data.AsSpan(4))))];
    }

    private RawClient Structured() => Structured(_server);

    private static RawClient Structured(TestServer server)
    {
        RawClient client = RawClient.Greeted(server.Unix);
        client.Ask(Option.StructuredReply);
        return client;
    }

    private sealed class OtherContext(string name) : INbdMetaContext
    {
        public string Name => name;

        public ValueTask<NbdExtent> StatusAsync(BlockRange range) => ValueTask.FromResult(new NbdExtent(range.LengthBytes, 0));
    }
}
