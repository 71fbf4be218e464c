using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Nbd.Wire;
using Replication.Testing;
using static Replication.Nbd.Tests.ScriptedServer;

namespace Replication.Nbd.Tests.Client;

/// <summary>What the client makes of contexts, and of block status replies of several of them.</summary>
public sealed class ClientContextTests : IDisposable
{
    private const string B0 = "qemu:dirty-bitmap:b0";
    private const string Depth = "qemu:allocation-depth";

    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task It_asks_for_each_context_once_and_knows_what_the_server_has()
    {
        await using var server = new TestServer(new NbdExport("disk0", new MemoryNode(4096)) { Contexts = [AllocationDepthContext.OfOneLayer] });
        var options = new NbdClientOptions { Contexts = [Depth, "base:allocation", B0, Depth] };
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "disk0", options);
        Assert.Equal(["base:allocation", Depth], client.Contexts);
        Assert.Equal([new NbdExtent(4000, 1)], await client.ContextStatusAsync(Depth, new BlockRange(96, 4000)));
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => client.ContextStatusAsync(B0, new BlockRange(0, 1)).AsTask());
        Assert.Equal(BlockErrorKind.NotSupported, error.Kind);
        Assert.Contains(B0, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_context_that_was_asked_for_counts_wherever_its_extents_stand()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(4096, 65536)).OffThread().AsTask();
        RequestHeader request = peer.ReadRequest().Header;
        Assert.Equal(new RequestHeader(CommandFlags.None, Command.BlockStatus, request.Cookie, 4096, 65536), request);
        peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.None, 42u, 65536u, 3u);
        peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.None, 43u, 512u, 0u, 1024u, 1u, 7u, 0xffff_fffeu);
        peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, 44u, 65536u, 9u);
        Assert.Equal([new NbdExtent(512, 0), new NbdExtent(1024, 1), new NbdExtent(7, 0xffff_fffe)], await dirty);

        ValueTask<Extent> status = client.StatusAsync(new BlockRange(0, 4096)).OffThread();
        ulong cookie = peer.ReadRequest().Header.Cookie;
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.None, 44u, 4096u, 9u);
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.None, 42u, 4096u, 3u);
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.Done, 43u, 4096u, 1u);
        Assert.Equal(new Extent(4096, ExtentFlags.Hole | ExtentFlags.Zero), await status);
        Assert.Null(client.Reason);
    }

    [Fact]
    public async Task Extents_end_with_the_range()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 1000)).OffThread().AsTask();
        peer.SendChunk(peer.ReadRequest().Header.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, 43u, 600u, 0u, uint.MaxValue, 1u, 512u, 0u);
        Assert.Equal([new NbdExtent(600, 0), new NbdExtent(400, 1)], await dirty);
    }

    [Fact]
    public async Task A_reply_may_come_byte_by_byte()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        peer.Socket.NoDelay = true;
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        byte[] chunk = Peer.Bytes(
            Magic.StructuredReply, ChunkFlags.Done, ChunkType.BlockStatus, peer.ReadRequest().Header.Cookie, 20u, 43u, 1024u, 1u, 3072u, 0u);
        foreach (byte one in chunk)
            peer.Send(new[] { one });
        Assert.Equal([new NbdExtent(1024, 1), new NbdExtent(3072, 0)], await dirty.WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task A_reply_with_more_extents_than_are_kept_is_asked_for_again_from_there()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync(lengthBytes: 1ul << 40);
        const int extents = Limits.MaxClientExtents + 1000;
        var range = new BlockRange(0, extents * 512L);
        Task<List<(BlockRange Range, uint Flags)>> reading = CollectAsync(client, range);
        SendAlternating(peer, extents);
        RequestHeader second = SendAlternating(peer, 1000);
        Assert.Equal(Limits.MaxClientExtents * 512ul, second.OffsetBytes);
        List<(BlockRange Range, uint Flags)> parts = await reading.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(Enumerable.Range(0, extents).Select(i => (new BlockRange(i * 512L, 512), (uint)i % 2)), parts);
    }

    [Fact]
    public async Task A_range_is_read_in_as_many_requests_as_it_needs_and_neighbours_become_one()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync(lengthBytes: 1ul << 40);
        Task<List<(BlockRange Range, uint Flags)>> reading = CollectAsync(client, new BlockRange(5, (3L << 30) + 7));
        Answer(5, 1 << 30, 1 << 30, 1);
        Answer(5 + (1L << 30), 1 << 30, 100, 1, 50, 0);
        Answer(5 + (1L << 30) + 150, 1 << 30, 1 << 30, 0);
        Answer(5 + (2L << 30) + 150, (1 << 30) - 143, (1 << 30) - 143, 2);
        Assert.Equal(
            [(new BlockRange(5, (1L << 30) + 100), 1u), (new BlockRange((1L << 30) + 105, (1L << 30) + 50), 0u),
             (new BlockRange((2L << 30) + 155, (1L << 30) - 143), 2u)],
            await reading.WaitAsync(TestTimeouts.Patience));

        void Answer(long offsetBytes, uint lengthBytes, params uint[] extents)
        {
            RequestHeader request = peer.ReadRequest().Header;
            Assert.Equal(((ulong)offsetBytes, lengthBytes), (request.OffsetBytes, request.LengthBytes));
            peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, [43u, .. extents]);
        }
    }

    [Fact]
    public async Task What_is_read_of_a_bitmap_is_the_bitmap_beside_other_contexts_and_other_requests()
    {
        const int granule = 512, bitCount = 40_000;
        Random random = DeterministicRandom.Create();
        BlockBitmap bits = new(bitCount), other = new(bitCount);
        for (int i = 0; i < bitCount / 3; i++)
        {
            bits.Set(random.Next(bitCount), 1);
            other.Set(random.Next(bitCount), 1);
        }

        await using var server = new TestServer(new NbdExport("disk0", new MemoryNode((bitCount * granule) - 100))
        {
            Contexts = [AllocationDepthContext.OfOneLayer, new DirtyBitmapContext("b1", other, granule), new DirtyBitmapContext("b0", bits, granule)],
        });
        var options = new NbdClientOptions { Contexts = [B0, Depth, "qemu:dirty-bitmap:b1"] };
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "disk0", options);
        int first = random.Next(granule * 100);
        Task<List<(BlockRange Range, uint Flags)>>[] readers = [.. Enumerable.Range(0, 4).Select(
            _ => CollectAsync(client, BlockRange.FromBounds(first, client.LengthBytes)))];
        byte[] buffer = new byte[100_000];
        while (!Task.WhenAll(readers).IsCompleted)
            await client.ReadAsync(random.Next(1 << 20), buffer).OffThread();
        foreach (Task<List<(BlockRange Range, uint Flags)>> reader in readers)
        {
            long at = first;
            uint? before = null;
            foreach ((BlockRange range, uint flags) in await reader)
            {
                Assert.Equal(at, range.OffsetBytes);
                Assert.NotEqual(before, flags);
                for (; at < range.EndBytes; at = Math.Min((at / granule + 1) * granule, client.LengthBytes))
                    Assert.Equal(bits[at / granule], flags == 1);
                before = flags;
            }

            Assert.Equal(client.LengthBytes, at);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 1)]
    [InlineData(1 << 20, 1)]
    [InlineData(0, (1 << 20) + 1)]
    public async Task A_range_outside_of_the_disk_is_refused(long offsetBytes, long lengthBytes)
    {
        (NbdClientNode client, _) = await OpenAsync();
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => client.ContextStatusAsync(B0, new BlockRange(offsetBytes, lengthBytes)).AsTask());
        Assert.Equal(BlockErrorKind.OutOfRange, error.Kind);
    }

    [Fact]
    public async Task An_error_behind_some_extents_fails_the_request_and_the_connection_goes_on()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        ulong cookie = peer.ReadRequest().Header.Cookie;
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.None, 43u, 4096u, 1u);
        peer.SendChunk(cookie, ChunkType.Error, ChunkFlags.Done, NbdError.Perm, (ushort)4, "none");
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => dirty);
        Assert.Equal((BlockErrorKind.Io, Errno.EPERM), (error.Kind, error.Errno));
        Assert.Null(client.Reason);
    }

    [Fact]
    public async Task A_connection_that_breaks_in_the_middle_of_the_extents_fails_the_request()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        peer.Send(Magic.StructuredReply, ChunkFlags.Done, ChunkType.BlockStatus, peer.ReadRequest().Header.Cookie, 20u, 43u, 1024u, 1u, 3072u);
        peer.Dispose();
        Assert.Equal(BlockErrorKind.Shutdown, (await Assert.ThrowsAsync<BlockException>(() => dirty)).Kind);
    }

    [Fact]
    public Task A_context_without_an_id_is_a_violation() => ViolatesAsync("not asked for", ChunkType.BlockStatus, 45u, 4096u, 0u);

    [Fact]
    public Task A_reply_without_the_context_is_a_violation() => ViolatesAsync("without an extent", ChunkType.BlockStatus, 42u, 4096u, 0u);

    [Fact]
    public Task An_extent_of_no_bytes_is_a_violation() => ViolatesAsync("no bytes", ChunkType.BlockStatus, 43u, 512u, 0u, 0u, 1u);

    [Fact]
    public Task A_status_without_an_extent_is_a_violation() => ViolatesAsync("malformed", ChunkType.BlockStatus, 43u);

    [Fact]
    public Task Half_an_extent_is_a_violation() => ViolatesAsync("malformed", ChunkType.BlockStatus, 43u, 512u, 0u, 4096u);

    [Fact]
    public Task A_status_without_a_context_is_a_violation() => ViolatesAsync("malformed", ChunkType.BlockStatus);

    [Fact]
    public async Task A_context_that_comes_twice_is_a_violation()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        ulong cookie = peer.ReadRequest().Header.Cookie;
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.None, 43u, 512u, 0u);
        peer.SendChunk(cookie, ChunkType.BlockStatus, ChunkFlags.Done, 43u, 512u, 0u);
        await Assert.ThrowsAsync<BlockException>(() => dirty);
        Assert.Contains("not asked for", client.Reason!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_extents_than_the_protocol_allows_are_a_violation()
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        const uint lengthBytes = 4 + (8 * (Limits.MaxChunkExtents + 1));
        peer.Send(Magic.StructuredReply, ChunkFlags.Done, ChunkType.BlockStatus, peer.ReadRequest().Header.Cookie, lengthBytes);
        await Assert.ThrowsAsync<BlockException>(() => dirty);
        Assert.Contains($"a chunk of {lengthBytes} bytes", client.Reason!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1u, "base:allocation", 1u, Depth)]
    [InlineData(1u, "base:allocation", 2u, "base:allocation")]
    public async Task Contexts_that_cannot_be_told_apart_are_refused(uint firstId, string firstName, uint secondId, string secondName)
    {
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(_server.Address, "disk0");
        ServerPeer peer = _server.Accept();
        peer.Greet();
        peer.Expect(Option.StructuredReply);
        peer.Reply(Option.StructuredReply, OptionReply.Ack);
        peer.Expect(Option.SetMetaContext);
        peer.Reply(Option.SetMetaContext, OptionReply.MetaContext, Peer.Bytes(firstId, firstName));
        peer.Reply(Option.SetMetaContext, OptionReply.MetaContext, Peer.Bytes(secondId, secondName));
        NbdConnectException error = await Assert.ThrowsAsync<NbdConnectException>(() => connecting.WaitAsync(TestTimeouts.Patience));
        Assert.Contains("list of contexts", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_choice_that_the_server_refuses_after_all_leaves_no_context()
    {
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(_server.Address, "disk0");
        ServerPeer peer = _server.Accept();
        peer.Greet();
        peer.Expect(Option.StructuredReply);
        peer.Reply(Option.StructuredReply, OptionReply.Ack);
        peer.Expect(Option.SetMetaContext);
        peer.Reply(Option.SetMetaContext, OptionReply.MetaContext, Peer.Bytes(1u, "base:allocation"));
        peer.Reply(Option.SetMetaContext, OptionReply.ErrPolicy);
        peer.Expect(Option.Go);
        peer.Reply(Option.Go, OptionReply.Info, Peer.Bytes(InfoItem.Export, 4096ul, AllFlags));
        peer.Reply(Option.Go, OptionReply.Ack);
        NbdClientNode client = await connecting.WaitAsync(TestTimeouts.Patience);
        Assert.Empty(client.Contexts);
        Assert.Equal(Capability.Emulated, client.Capabilities.Status);
    }

    private static RequestHeader SendAlternating(ServerPeer peer, int extents)
    {
        RequestHeader request = peer.ReadRequest().Header;
        IEnumerable<object> told = Enumerable.Range(0, extents).SelectMany(i => new object[] { 512u, (uint)i % 2 });
        peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, [43u, .. told]);
        return request;
    }

    /// <summary>On a thread of its own: the test drives the peer meanwhile.</summary>
    private static Task<List<(BlockRange Range, uint Flags)>> CollectAsync(NbdClientNode client, BlockRange range) => Task.Run(async () =>
    {
        List<(BlockRange Range, uint Flags)> parts = [];
        await foreach ((BlockRange Range, uint Flags) part in client.ReadContextAsync(B0, range))
            parts.Add(part);
        return parts;
    });

    private Task<(NbdClientNode Client, ServerPeer Peer)> OpenAsync(ulong lengthBytes = 1 << 20) =>
        _server.OpenAsync(lengthBytes, structured: true, contexts: [B0, Depth]);

    private async Task ViolatesAsync(string reason, ChunkType type, params object[] payload)
    {
        (NbdClientNode client, ServerPeer peer) = await OpenAsync();
        Task<IReadOnlyList<NbdExtent>> dirty = client.ContextStatusAsync(B0, new BlockRange(0, 4096)).OffThread().AsTask();
        peer.SendChunk(peer.ReadRequest().Header.Cookie, type, ChunkFlags.Done, payload);
        Assert.Equal(BlockErrorKind.Shutdown, (await Assert.ThrowsAsync<BlockException>(() => dirty)).Kind);
        Assert.Contains(reason, client.Reason!.Message, StringComparison.Ordinal);
    }
}
