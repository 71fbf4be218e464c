using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

/// <summary>A read-only export whose readers may give back what they do not need.</summary>
public sealed class TrimOnlyExportTests : IAsyncLifetime
{
    private readonly FleecingNode _node = new();
    private TestServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _server = new TestServer(new NbdExport("disk0", _node) { ReadOnly = true, TakesTrim = true });
        return default;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void It_takes_trim_and_no_write()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        client.Request(Command.Trim, 1, 4096, 8192);
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        client.Request(Command.Write, 2, 0, 3, CommandFlags.None, 1, 2, 3);
        Assert.Equal(NbdError.Perm, client.ReadSimple(2));
        client.Request(Command.WriteZeroes, 3, 0, 4096);
        Assert.Equal(NbdError.Perm, client.ReadSimple(3));
        Assert.Equal([new BlockRange(4096, 8192)], _node.Discarded);
    }

    [Fact]
    public async Task An_export_that_does_not_say_so_refuses_trim()
    {
        await using var server = new TestServer(_node, readOnly: true);
        using RawClient client = RawClient.Opened(server.Unix);
        client.Request(Command.Trim, 1, 4096, 8192);
        Assert.Equal(NbdError.Perm, client.ReadSimple(1));
        Assert.Empty(_node.Discarded);
    }

    [Fact]
    public async Task Our_client_trims_where_it_may_not_write()
    {
        await using NbdClientNode client = await NbdClient.ConnectAsync(_server.Unix, "disk0");
        Assert.True(client.IsReadOnly);
        await client.DiscardAsync(new BlockRange(4096, 8192)).OffThread();
        await client.DiscardAsync(new BlockRange(0, client.LengthBytes)).OffThread();
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, client.WriteZeroesAsync(new BlockRange(0, 4096)).OffThread());
        Assert.Equal(new BlockRange(4096, 8192), _node.Discarded[0]);
        Assert.Equal(client.LengthBytes, _node.Discarded.Skip(1).Sum(range => range.LengthBytes)); // In pieces.
    }

    [Fact]
    public async Task A_range_that_may_not_be_read_is_eperm_and_the_reason_comes_along()
    {
        await using NbdClientNode client = await NbdClient.ConnectAsync(_server.Unix, "disk0");
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.Io, client.ReadAsync(0, new byte[512]).OffThread());
        Assert.Equal(Errno.EPERM, error.Errno);
        Assert.Contains("nothing is kept of it", error.Message, StringComparison.Ordinal);
        using RawClient raw = RawClient.Opened(_server.Unix);
        raw.Request(Command.Read, 1, 0, 512);
        Assert.Equal(NbdError.Perm, raw.ReadSimple(1));
        raw.Request(Command.Flush, 2, 0, 0);
        Assert.Equal(NbdError.None, raw.ReadSimple(2));
    }

    [Fact]
    public async Task Qemu_trims_where_the_node_and_not_the_export_is_read_only()
    {
        string qemuIo = Programs.Require("qemu-io");
        await using var server = new TestServer(_node);
        (_, string output) = await Programs.RunAsync(
            qemuIo, "-f", "raw", server.Unix.ToString(), "-c", "discard 64k 128k", "-c", "write 0 64k", "-c", "read 0 512");
        Assert.Contains("discard 131072/131072", output, StringComparison.Ordinal);
        Assert.Contains("write failed: Operation not permitted", output, StringComparison.Ordinal);
        Assert.Contains("read failed: Operation not permitted", output, StringComparison.Ordinal);
        Assert.Equal([new BlockRange(64 << 10, 128 << 10)], _node.Discarded);
    }

    /// <summary>Denies every read, and keeps what is given back.</summary>
    private sealed class FleecingNode() : BlockNode(
        "fleece", 5L << 30, new NodeCapabilities(Capability.Emulated, Capability.None, Capability.Native, Capability.Native))
    {
        public List<BlockRange> Discarded { get; } = [];

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => throw new BlockException(
            BlockErrorKind.Io, Name, BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), "nothing is kept of it", Errno.EACCES);

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
            throw Error(BlockErrorKind.ReadOnly, BlockOperation.Write, new BlockRange(offsetBytes, data.Length), "it does not change");

        protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags)
        {
            Discarded.Add(range);
            return default;
        }

        protected override ValueTask<Extent> StatusCore(BlockRange range) => ValueTask.FromResult(new Extent(range.LengthBytes, ExtentFlags.Data));

        protected override ValueTask FlushCore() => default;
    }
}
