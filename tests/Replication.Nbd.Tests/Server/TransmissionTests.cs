using System.Buffers.Binary;
using System.Text;
using System.Threading.Tasks.Sources;
using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public sealed class TransmissionTests : IAsyncLifetime
{
    private const int LengthBytes = (64 << 20) + 512;

    private readonly MemoryNode _disk = new(LengthBytes, fill: 0x11);
    private TestServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _server = new TestServer(_disk);
        return default;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData((64 << 10) - 1)]
    [InlineData(64 << 10)]
    [InlineData(256 << 10)]
    [InlineData((256 << 10) + 4097)]
    [InlineData((2 << 20) + 4097)]
    [InlineData(32 << 20)]
    public void Data_of_every_size_is_written_and_read_back(int lengthBytes)
    {
        byte[] data = DeterministicRandom.Create().Bytes(lengthBytes);
        foreach (bool structured in new[] { false, true })
        {
            using RawClient client = RawClient.Opened(structured ? _server.Tcp : _server.Unix, structured);
            client.Request(Command.Write, 1, 511, (uint)lengthBytes, CommandFlags.None, data);
            Assert.Equal(NbdError.None, client.ReadSimple(1));
            client.Request(Command.Read, 2, 511, (uint)lengthBytes, structured ? CommandFlags.Df : CommandFlags.None);
            BlockAssert.Equal(data, ReadData(client, structured, 2, 511, lengthBytes));
            BlockAssert.Equal(data, _disk.Snapshot().AsSpan(511, lengthBytes));
        }
    }

    [Fact]
    public void Requests_that_come_byte_by_byte_are_served()
    {
        using RawClient client = RawClient.Opened(_server.Tcp);
        byte[] bytes = [.. RawClient.RequestBytes(Command.Write, 1, 0, 5, CommandFlags.None, 1, 2, 3, 4, 5), .. RawClient.RequestBytes(Command.Read, 2, 0, 5)];
        foreach (byte b in bytes)
            client.Send(new[] { b });
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        Assert.Equal(NbdError.None, client.ReadSimple(2));
        Assert.Equal([1, 2, 3, 4, 5], client.Read(5));
    }

    [Fact]
    public async Task Many_requests_in_one_piece_are_all_answered()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        Random random = DeterministicRandom.Create();
        byte[] model = _disk.Snapshot();
        using var stream = new MemoryStream();
        const int count = 2000;
        for (int i = 0; i < count; i++)
        {
            // Among the small ones some that are received directly, at any place of the receive buffer.
            byte[] data = random.Bytes(i % 50 == 0 ? random.Next(60_000, 300_000) : random.Next(1, 9000));
            int offset = random.Next(LengthBytes - data.Length);
            data.CopyTo(model, offset);
            stream.Write(RawClient.RequestBytes(Command.Write, (ulong)i, (ulong)offset, (uint)data.Length, CommandFlags.None, data));
        }

        Task sending = Task.Run(() => client.Send(stream.ToArray()));
        for (int i = 0; i < count; i++)
            Assert.Equal(NbdError.None, client.ReadSimple((ulong)i));
        await sending;
        BlockAssert.Equal(model, _disk.Snapshot());
    }

    [Fact]
    public void Errors_are_answered_and_the_connection_goes_on()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        byte[] data = new byte[1000];
        client.Send(
            RawClient.RequestBytes(Command.Write, 1, LengthBytes - 999, 1000, CommandFlags.None, data),
            RawClient.RequestBytes(Command.Read, 2, LengthBytes, 1),
            RawClient.RequestBytes(Command.Cache, 3, 0, 512),
            RawClient.RequestBytes((Command)77, 4, 0, 512),
            RawClient.RequestBytes(Command.Write, 5, 0, 1000, CommandFlags.NoHole, data),
            RawClient.RequestBytes(Command.Read, 6, 0, Limits.MaxPayloadBytes + 1),
            RawClient.RequestBytes(Command.Flush, 7, 0, 0));
        NbdError[] expected = [NbdError.NoSpace, NbdError.Inval, NbdError.Inval, NbdError.Inval, NbdError.Inval, NbdError.Inval, NbdError.None];
        for (ulong cookie = 1; cookie <= 7; cookie++)
            Assert.Equal(expected[cookie - 1], client.ReadSimple(cookie));
        Assert.Equal(0, _disk.Counts[BlockOperation.Write]);
    }

    [Fact]
    public void A_write_above_the_limit_is_refused_and_its_bytes_are_thrown_away()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        int length = Limits.MaxPayloadBytes + 1;
        client.Request(Command.Write, 1, 0, (uint)length, CommandFlags.None, new byte[length]);
        Assert.Equal(NbdError.Inval, client.ReadSimple(1));
        client.Request(Command.Flush, 2, 0, 0);
        Assert.Equal(NbdError.None, client.ReadSimple(2));
        Assert.Equal(0, _disk.Counts[BlockOperation.Write]);
    }

    [Fact]
    public void A_write_far_above_the_limit_ends_the_connection()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        client.Request(Command.Write, 1, 0, uint.MaxValue);
        client.ExpectEnd();
    }

    [Fact]
    public async Task A_read_only_export_refuses_what_writes()
    {
        await using var server = new TestServer(_disk, readOnly: true);
        using RawClient client = RawClient.Opened(server.Unix);
        client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 1, 2, 3);
        client.Request(Command.Trim, 2, 0, 512);
        client.Request(Command.WriteZeroes, 3, 0, 512);
        client.Request(Command.Read, 4, 0, 3);
        for (ulong cookie = 1; cookie <= 3; cookie++)
            Assert.Equal(NbdError.Perm, client.ReadSimple(cookie));
        Assert.Equal(NbdError.None, client.ReadSimple(4));
        Assert.Equal([0x11, 0x11, 0x11], client.Read(3));
    }

    [Fact]
    public void Empty_requests_succeed()
    {
        using RawClient client = RawClient.Opened(_server.Unix, structured: true, contexts: true);
        client.Request(Command.Write, 1, LengthBytes, 0);
        client.Request(Command.Trim, 2, LengthBytes, 0);
        client.Request(Command.WriteZeroes, 3, 0, 0);
        for (ulong cookie = 1; cookie <= 3; cookie++)
            Assert.Equal(NbdError.None, client.ReadResult(cookie));
        client.Request(Command.BlockStatus, 4, 0, 0);
        Assert.Equal(NbdError.Inval, client.ReadResult(4));
        client.Request(Command.Read, 5, 0, 0);
        Assert.Equal(NbdError.None, client.ReadResult(5));
        client.Request(Command.Flush, 6, 0, 0);
        Assert.Equal(NbdError.None, client.ReadResult(6));
    }

    [Fact]
    public void Trim_and_zeroing_reach_the_node_as_what_they_are()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        client.Request(Command.Trim, 1, 4096, 4096);
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        client.Request(Command.WriteZeroes, 2, 12288, 4096, CommandFlags.NoHole | CommandFlags.Fua);
        Assert.Equal(NbdError.None, client.ReadSimple(2));
        Assert.Equal((1, 1), (_disk.Counts[BlockOperation.Discard], _disk.Counts[BlockOperation.WriteZeroes]));
        byte[] content = _disk.Snapshot();
        Assert.Equal(new byte[4096], content[4096..8192]);
        Assert.Equal(new byte[4096], content[12288..16384]);
        Assert.Equal(0x11, content[8192]);
    }

    [Fact]
    public void Structured_errors_carry_their_text()
    {
        using RawClient client = RawClient.Opened(_server.Unix, structured: true);
        client.Request(Command.Read, 9, LengthBytes, 1);
        var chunk = client.ReadChunk();
        Assert.Equal((ChunkFlags.Done, ChunkType.Error, 9ul), (chunk.Flags, chunk.Type, chunk.Cookie));
        Assert.Equal((uint)NbdError.Inval, BinaryPrimitives.ReadUInt32BigEndian(chunk.Data));
    }

    [Fact]
    public async Task An_error_of_the_node_travels_with_its_number_and_its_words()
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(server.Unix, structured: true);
        client.Request(Command.Write, 1, 0, 1, CommandFlags.None, 1);
        (await node.WaitForPendingAsync())[0].Fail(BlockErrorKind.NoSpace);
        var chunk = client.ReadChunk();
        Assert.Equal((uint)NbdError.NoSpace, BinaryPrimitives.ReadUInt32BigEndian(chunk.Data));
        Assert.Contains("failed by the test", Encoding.UTF8.GetString(chunk.Data[6..]), StringComparison.Ordinal);
        client.Request(Command.Read, 2, 0, 4096);
        (await node.WaitForPendingAsync())[0].Fail();
        Assert.Equal(NbdError.Io, client.ReadResult(2));
    }

    [Fact]
    public async Task A_request_that_completes_while_it_is_looked_at_has_succeeded()
    {
        await using var server = new TestServer(new GlimpsedNode());
        using RawClient client = RawClient.Opened(server.Unix, structured: true);
        client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 1, 2, 3);
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        client.Request(Command.Read, 2, 0, 3);
        Assert.Equal([0, 0, 0], ReadData(client, true, 2, 0, 3));
    }

    [Fact]
    public async Task Requests_that_complete_later_are_answered_in_the_order_of_their_completion()
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(server.Unix, structured: true);
        client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 7, 8, 9);
        client.Request(Command.Read, 2, 100_000, 70_000);
        client.Request(Command.Flush, 3, 0, 0);
        IReadOnlyList<DeferredRequest> pending = await node.WaitForPendingAsync(3);
        await pending[2].ReleaseAsync();
        Assert.Equal(NbdError.None, client.ReadResult(3));
        await pending[1].ReleaseAsync();
        BlockAssert.Equal(Enumerable.Repeat((byte)0x11, 70_000).ToArray(), ReadData(client, true, 2, 100_000, 70_000));
        Assert.Equal(0x11, _disk.Snapshot()[0]);
        await pending[0].ReleaseAsync();
        Assert.Equal(NbdError.None, client.ReadResult(1));
        Assert.Equal([7, 8, 9], _disk.Snapshot()[..3]);
    }

    [Fact]
    public async Task Writes_in_flight_keep_their_bytes_while_more_is_received()
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(server.Unix);
        Random random = DeterministicRandom.Create();
        byte[] model = _disk.Snapshot();
        const int count = 300;
        for (int i = 0; i < count; i++)
        {
            byte[] data = random.Bytes(random.Next(1, 100_000));
            int offset = i * 100_000;
            data.CopyTo(model, offset);
            client.Request(Command.Write, (ulong)i, (ulong)offset, (uint)data.Length, CommandFlags.None, data);
        }

        List<DeferredRequest> pending = [.. await node.WaitForPendingAsync(count)];
        while (pending.Count > 0)
        {
            int i = random.Next(pending.Count);
            await pending[i].ReleaseAsync();
            pending.RemoveAt(i);
            Assert.Equal(NbdError.None, client.ReadSimple().Error);
        }

        BlockAssert.Equal(model, _disk.Snapshot());
    }

    [Fact]
    public async Task The_number_of_requests_in_flight_is_bounded()
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient client = RawClient.Opened(server.Unix);
        const int more = 50;
        client.Send([.. Enumerable.Range(0, Limits.MaxServerInFlight + more).Select(i => RawClient.RequestBytes(Command.Flush, (ulong)i, 0, 0))]);
        IReadOnlyList<DeferredRequest> pending = await node.WaitForPendingAsync(Limits.MaxServerInFlight);
        Assert.Equal(Limits.MaxServerInFlight, pending.Count);
        foreach (DeferredRequest request in pending)
            await request.ReleaseAsync();
        await node.WaitForPendingAsync(more);
        await node.ReleaseAllAsync();
        for (int i = 0; i < Limits.MaxServerInFlight + more; i++)
            Assert.Equal(NbdError.None, client.ReadSimple().Error);
    }

    [Fact]
    public async Task A_client_that_takes_no_replies_is_not_read_from_for_ever_and_then_gets_them_all()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        const int count = 400; // 400 MiB of replies, of which the server may hold 64.
        // In one piece: the kernel counts small ones as much larger than they are, and we would block.
        client.Send([.. Enumerable.Range(0, count).Select(i => RawClient.RequestBytes(Command.Read, (ulong)i, 0, 1 << 20))]);
        await Eventually.TrueAsync(() => _disk.Counts[BlockOperation.Read] >= 64);
        Assert.InRange(_disk.Counts[BlockOperation.Read], 64, 75); // And what the socket takes.
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(NbdError.None, client.ReadSimple((ulong)i));
            Assert.Equal(-1, client.Read(1 << 20).AsSpan().IndexOfAnyExcept((byte)0x11));
        }
    }

    [Fact]
    public async Task A_client_that_takes_no_replies_does_not_hold_up_the_thread_that_completes_requests()
    {
        var node = new DeferredNode(_disk);
        await using var server = new TestServer(node);
        using RawClient slow = RawClient.Opened(server.Unix);
        using RawClient other = RawClient.Opened(server.Unix);
        for (int i = 0; i < 40; i++)
            slow.Request(Command.Read, (ulong)i, 0, 1 << 20);
        other.Request(Command.Flush, 99, 0, 0);
        await node.WaitForPendingAsync(41);
        await node.ReleaseAllAsync(); // On this thread; a reply to the slow client does not fit into its socket.
        Assert.Equal(NbdError.None, other.ReadSimple(99));
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(NbdError.None, slow.ReadSimple().Error);
            slow.Read(1 << 20);
        }
    }

    [Fact]
    public void Disconnect_ends_the_connection_after_its_replies()
    {
        using RawClient client = RawClient.Opened(_server.Tcp);
        client.Send(RawClient.RequestBytes(Command.Read, 1, 0, 4096), RawClient.RequestBytes(Command.Disconnect, 2, 0, 0));
        Assert.Equal(NbdError.None, client.ReadSimple(1));
        client.Read(4096);
        client.ExpectEnd();
        Assert.Empty(_server.Troubles);
    }

    [Theory]
    [InlineData(27)]
    [InlineData(28)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public async Task A_client_that_vanishes_in_the_middle_of_a_write_changes_nothing(int bytesSent)
    {
        byte[] request = RawClient.RequestBytes(Command.Write, 1, 0, 200_000, CommandFlags.None, new byte[200_000]);
        using (RawClient client = RawClient.Opened(_server.Unix))
            client.Send(request[..bytesSent]);
        await Eventually.TrueAsync(() => _server.Export.ConnectionCount == 0);
        Assert.Equal(0, _disk.Counts[BlockOperation.Write]);
        Assert.Contains("in the middle of a request", Assert.Single(_server.Troubles), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_hangs_up_between_requests_is_no_trouble()
    {
        using (RawClient client = RawClient.Opened(_server.Unix))
        {
            client.Request(Command.Flush, 1, 0, 0);
            Assert.Equal(NbdError.None, client.ReadSimple(1));
        }

        await Eventually.TrueAsync(() => _server.Export.ConnectionCount == 0);
        Assert.Empty(_server.Troubles);
    }

    [Fact]
    public void A_wrong_magic_ends_the_connection()
    {
        using RawClient client = RawClient.Opened(_server.Unix);
        client.Send(new byte[28]);
        client.ExpectEnd();
        Assert.Contains("no request", Assert.Single(_server.Troubles), StringComparison.Ordinal);
    }

    /// <summary>Every task seems pending at the first look and has completed by the second.</summary>
    private sealed class GlimpsedNode() : BlockNode("glimpsed", 4096, NodeCapabilities.AllEmulated)
    {
        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
        {
            buffer.Span.Clear();
            return new ValueTask(new Glimpsed(), 0);
        }

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => new(new Glimpsed(), 0);

        protected override ValueTask FlushCore() => default;
    }

    private sealed class Glimpsed : IValueTaskSource
    {
        private int _looks;

        public ValueTaskSourceStatus GetStatus(short token) => _looks++ == 0 ? ValueTaskSourceStatus.Pending : ValueTaskSourceStatus.Succeeded;

        public void GetResult(short token)
        {
        }

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            ThreadPool.QueueUserWorkItem(continuation, state, preferLocal: false);
    }

    private static byte[] ReadData(RawClient client, bool structured, ulong cookie, ulong offset, int lengthBytes)
    {
        if (!structured)
        {
            Assert.Equal(NbdError.None, client.ReadSimple(cookie));
            return client.Read(lengthBytes);
        }

        var chunk = client.ReadChunk();
        Assert.Equal((ChunkFlags.Done, ChunkType.OffsetData, cookie), (chunk.Flags, chunk.Type, chunk.Cookie));
        Assert.Equal(offset, BinaryPrimitives.ReadUInt64BigEndian(chunk.Data));
        Assert.Equal(lengthBytes, chunk.Data.Length - 8);
        return chunk.Data[8..];
    }
}
