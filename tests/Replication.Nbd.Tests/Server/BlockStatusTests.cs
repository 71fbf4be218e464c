using System.Buffers.Binary;
using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public sealed class BlockStatusTests : IAsyncLifetime
{
    private readonly MemoryNode _disk = new((1 << 20) + 512);
    private TestServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        await _disk.FillAsync(new BlockRange(8192, 8192), 1);
        await _disk.FillAsync(new BlockRange(1 << 20, 512), 1);
        _server = new TestServer(_disk);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Extents_cover_the_range_in_order() =>
        Assert.Equal([(8192u, 3u), (8192u, 0u), ((1u << 20) - 16384, 3u), (512u, 0u)], Ask(0, (1 << 20) + 512, CommandFlags.None));

    [Fact]
    public void Req_one_gives_one_extent() => Assert.Equal([(7192u, 3u)], Ask(1000, 100_000, CommandFlags.ReqOne));

    [Fact]
    public void An_extent_ends_with_the_range() => Assert.Equal([(10u, 3u)], Ask(100, 10, CommandFlags.None));

    [Fact]
    public async Task Neighbours_of_one_status_become_one_extent_also_with_req_one()
    {
        await using var server = new TestServer(new PieceNode());
        Assert.Equal([(1000u, 0u), (1000u, 3u)], Ask(server, 0, 2000, CommandFlags.None));
        Assert.Equal([(1000u, 0u)], Ask(server, 0, 2000, CommandFlags.ReqOne));
    }

    [Fact]
    public async Task The_number_of_extents_is_bounded()
    {
        var disk = new MemoryNode(64 << 20);
        for (int offset = 0; offset < 64 << 20; offset += 8192)
            await disk.WriteAsync(offset, new byte[] { 1 });
        await using var server = new TestServer(disk);
        Assert.Equal(Limits.MaxStatusExtents, Ask(server, 0, 64 << 20, CommandFlags.None).Count);
    }

    private List<(uint, uint)> Ask(ulong offset, uint length, CommandFlags flags) => Ask(_server, offset, length, flags);

    private static List<(uint LengthBytes, uint Flags)> Ask(TestServer server, ulong offset, uint length, CommandFlags flags)
    {
        using RawClient client = RawClient.Opened(server.Unix, structured: true, contexts: true);
        client.Request(Command.BlockStatus, 3, offset, length, flags);
        var chunk = client.ReadChunk();
        Assert.Equal((ChunkFlags.Done, ChunkType.BlockStatus, 3ul), (chunk.Flags, chunk.Type, chunk.Cookie));
        List<(uint LengthBytes, uint Flags)> extents = [];
        for (int at = 4; at < chunk.Data.Length; at += 8)
            extents.Add((BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(at)), BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(at + 4))));
        return extents;
    }

    /// <summary>Tells its status in pieces of ten bytes: the first thousand is data, the second a hole.</summary>
    private sealed class PieceNode() : BlockNode("pieces", 2000, NodeCapabilities.AllNative)
    {
        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => default;

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => default;

        protected override ValueTask FlushCore() => default;

        protected override async ValueTask<Extent> StatusCore(BlockRange range)
        {
            await Task.Yield();
            return new Extent(10, range.OffsetBytes < 1000 ? ExtentFlags.Data : ExtentFlags.Hole | ExtentFlags.Zero);
        }
    }
}
