using Replication.Block;
using Replication.Nbd.Wire;
using Replication.Testing;
using static Replication.Nbd.Tests.ScriptedServer;

namespace Replication.Nbd.Tests.Client;

/// <summary>What a server may answer, and what it may not: the second ends the connection with the reason, and every request with it.</summary>
public sealed class ClientReplyTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Replies_in_any_order_find_their_requests()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        byte[][] buffers = [.. Enumerable.Range(0, 20).Select(_ => Poison.Buffer(3000))];
        Task[] reads = [.. buffers.Select((buffer, i) => client.ReadAsync(i * 3000, buffer).OffThread().AsTask())];
        List<RequestHeader> requests = [.. Enumerable.Range(0, 20).Select(_ => peer.ReadRequest().Header)];
        DeterministicRandom.Create().Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(requests));
        foreach (RequestHeader request in requests)
            peer.SendSimple(request.Cookie, NbdError.None, Enumerable.Repeat((byte)(request.OffsetBytes / 3000), 3000).ToArray());
        await Task.WhenAll(reads).WaitAsync(TestTimeouts.Patience);
        for (int i = 0; i < buffers.Length; i++)
            Assert.Equal(-1, buffers[i].AsSpan().IndexOfAnyExcept((byte)i));
        await client.DisposeAsync();
        Assert.Equal(Command.Disconnect, peer.ReadRequest().Header.Command);
        peer.ExpectEnd();
    }

    [Theory]
    [InlineData(NbdError.Perm, BlockErrorKind.ReadOnly, Errno.EPERM)]
    [InlineData(NbdError.Io, BlockErrorKind.Io, Errno.EIO)]
    [InlineData(NbdError.NoMem, BlockErrorKind.Io, Errno.ENOMEM)]
    [InlineData(NbdError.Inval, BlockErrorKind.Io, Errno.EINVAL)]
    [InlineData(NbdError.NoSpace, BlockErrorKind.NoSpace, Errno.ENOSPC)]
    [InlineData(NbdError.Overflow, BlockErrorKind.Io, Errno.EOVERFLOW)]
    [InlineData(NbdError.NotSup, BlockErrorKind.NotSupported, Errno.ENOTSUP)]
    [InlineData(NbdError.Shutdown, BlockErrorKind.Shutdown, Errno.ESHUTDOWN)]
    [InlineData((NbdError)4711, BlockErrorKind.Io, Errno.EINVAL)]
    public async Task An_error_fails_its_request_and_the_connection_goes_on(object error, object kind, int errno)
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        ValueTask write = client.WriteAsync(0, new byte[10]).OffThread();
        peer.SendSimple(peer.ReadRequest().Header.Cookie, (NbdError)error);
        BlockException found = await BlockAssert.FailsAsync((BlockErrorKind)kind, write);
        Assert.Equal((errno, BlockOperation.Write, new BlockRange(0, 10)), (found.Errno, found.Operation, found.Range));
        Task flush = client.FlushAsync().OffThread().AsTask();
        peer.SendSimple(peer.ReadRequest().Header.Cookie);
        await flush.WaitAsync(TestTimeouts.Patience);
        Assert.Null(client.Reason);
    }

    [Fact]
    public async Task A_read_in_chunks_and_holes_is_put_together()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(structured: true);
        byte[] buffer = Poison.Buffer(100_000);
        Task read = client.ReadAsync(5000, buffer).OffThread().AsTask();
        ulong cookie = peer.ReadRequest().Header.Cookie;
        byte[] data = DeterministicRandom.Create().Bytes(100_000);
        data.AsSpan(20_000, 30_000).Clear();
        peer.SendChunk(cookie, ChunkType.OffsetData, ChunkFlags.None, 55_000ul, data[50_000..]);
        peer.SendChunk(cookie, ChunkType.OffsetHole, ChunkFlags.None, 25_000ul, 30_000u);
        peer.SendChunk(cookie, ChunkType.OffsetData, ChunkFlags.None, 5000ul, data[..20_000]);
        peer.SendChunk(cookie, ChunkType.None, ChunkFlags.Done);
        await read.WaitAsync(TestTimeouts.Patience);
        BlockAssert.Equal(data, buffer);
    }

    [Fact]
    public async Task A_read_that_fails_behind_some_data_fails_with_the_servers_words()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(structured: true);
        ValueTask read = client.ReadAsync(0, new byte[1000]).OffThread();
        ulong cookie = peer.ReadRequest().Header.Cookie;
        peer.SendChunk(cookie, ChunkType.OffsetData, ChunkFlags.None, 0ul, new byte[500]);
        peer.SendChunk(cookie, ChunkType.ErrorOffset, ChunkFlags.Done, NbdError.Io, (ushort)10, "bad sector", 500ul);
        Assert.Contains("bad sector", (await BlockAssert.FailsAsync(BlockErrorKind.Io, read)).Message, StringComparison.Ordinal);
        Assert.Null(client.Reason);
    }

    [Fact]
    public async Task Block_status_takes_the_first_extent_and_no_more_than_was_asked_for()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(structured: true);
        ValueTask<Extent> status = client.StatusAsync(new BlockRange(0, 4096)).OffThread();
        RequestHeader request = peer.ReadRequest().Header;
        Assert.Equal((Command.BlockStatus, CommandFlags.ReqOne), (request.Command, request.Flags));
        peer.SendChunk(request.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, 42u, 8192u, 3u, 100u, 0u);
        Assert.Equal(new Extent(4096, ExtentFlags.Hole | ExtentFlags.Zero), await status);
    }

    [Fact]
    public async Task A_request_becomes_the_command_that_it_means()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync();
        (Func<ValueTask> Request, RequestHeader Expected)[] cases =
        [
            (() => client.WriteAsync(1, new byte[2], WriteFlags.Fua).OffThread(), new(CommandFlags.Fua, Command.Write, 0, 1, 2)),
            (() => client.WriteZeroesAsync(new BlockRange(3, 4), WriteFlags.NoUnmap).OffThread(), new(CommandFlags.NoHole, Command.WriteZeroes, 0, 3, 4)),
            (() => client.WriteZeroesAsync(new BlockRange(3, 4), WriteFlags.Fua).OffThread(), new(CommandFlags.Fua, Command.WriteZeroes, 0, 3, 4)),
            (() => client.DiscardAsync(new BlockRange(5, 6)).OffThread(), new(CommandFlags.None, Command.WriteZeroes, 0, 5, 6)),
            (() => client.FlushAsync().OffThread(), new(CommandFlags.None, Command.Flush, 0, 0, 0)),
        ];
        foreach ((Func<ValueTask> request, RequestHeader expected) in cases)
        {
            Task task = request().AsTask();
            RequestHeader header = peer.ReadRequest().Header;
            Assert.Equal(expected, header with { Cookie = 0 });
            peer.SendSimple(header.Cookie);
            await task.WaitAsync(TestTimeouts.Patience);
        }
    }

    [Fact]
    public async Task Requests_above_the_servers_limits_are_split()
    {
        await using var server = new TestServer(new MemoryNode(70 << 20));
        await using NbdClientNode client = await NbdClient.ConnectAsync(server.Unix, "");
        byte[] data = DeterministicRandom.Create().Bytes(70 << 20);
        await client.WriteAsync(0, data).OffThread();
        await BlockAssert.ContentAsync(client, 0, data);

        (NbdClientNode huge, ServerPeer peer) = await _server.OpenAsync(lengthBytes: 1ul << 40);
        Task zero = huge.WriteZeroesAsync(new BlockRange(0, (2L << 30) + 5)).OffThread().AsTask();
        foreach (uint length in new[] { 1u << 30, 1u << 30, 5u })
        {
            RequestHeader header = peer.ReadRequest().Header;
            Assert.Equal(length, header.LengthBytes);
            peer.SendSimple(header.Cookie);
        }

        await zero.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public Task A_reply_without_its_magic_is_a_violation() => ViolatesAsync(false, "no reply", (peer, _) => peer.Send(new byte[16]));

    [Fact]
    public Task A_reply_to_no_request_is_a_violation() => ViolatesAsync(false, "to no request", (peer, read) => peer.SendSimple(read.Cookie ^ 0xff00));

    [Fact]
    public Task A_reply_to_an_earlier_use_of_the_cookie_is_a_violation() =>
        ViolatesAsync(false, "to no request", (peer, read) => peer.SendSimple(read.Cookie - (1ul << 32)));

    [Fact]
    public Task A_second_reply_is_a_violation() => ViolatesAsync(false, "to no request", (peer, read) =>
    {
        peer.SendSimple(read.Cookie, NbdError.Io);
        peer.SendSimple(read.Cookie, NbdError.Io);
    }, requestFailsWith: BlockErrorKind.Io);

    [Fact]
    public Task A_simple_reply_to_a_structured_read_is_a_violation() =>
        ViolatesAsync(true, "simple reply to a read", (peer, read) => peer.SendSimple(read.Cookie, NbdError.None, new byte[1000]));

    [Fact]
    public Task A_read_that_comes_short_is_a_violation() => ViolatesAsync(true, "answered with 999", (peer, read) =>
        peer.SendChunk(read.Cookie, ChunkType.OffsetData, ChunkFlags.Done, 0ul, new byte[999]));

    [Fact]
    public Task A_read_without_any_data_is_a_violation() =>
        ViolatesAsync(true, "answered with 0", (peer, read) => peer.SendChunk(read.Cookie, ChunkType.None, ChunkFlags.Done));

    [Fact]
    public Task More_data_than_was_asked_for_is_a_violation() => ViolatesAsync(true, "outside of its request", (peer, read) =>
        peer.SendChunk(read.Cookie, ChunkType.OffsetData, ChunkFlags.Done, 0ul, new byte[1001]));

    [Fact]
    public Task Data_for_another_place_is_a_violation() => ViolatesAsync(true, "outside of its request", (peer, read) =>
        peer.SendChunk(read.Cookie, ChunkType.OffsetData, ChunkFlags.Done, ulong.MaxValue, new byte[1000]));

    [Fact]
    public Task Data_that_comes_twice_is_a_violation() => ViolatesAsync(true, "outside of its request", (peer, read) =>
    {
        peer.SendChunk(read.Cookie, ChunkType.OffsetData, ChunkFlags.None, 0ul, new byte[600]);
        peer.SendChunk(read.Cookie, ChunkType.OffsetData, ChunkFlags.Done, 0ul, new byte[600]);
    });

    [Fact]
    public Task A_hole_outside_of_its_request_is_a_violation() =>
        ViolatesAsync(true, "hole outside", (peer, read) => peer.SendChunk(read.Cookie, ChunkType.OffsetHole, ChunkFlags.Done, 1ul, 1000u));

    [Fact]
    public Task A_malformed_hole_is_a_violation() =>
        ViolatesAsync(true, "hole outside", (peer, read) => peer.SendChunk(read.Cookie, ChunkType.OffsetHole, ChunkFlags.Done, 0ul));

    [Fact]
    public Task A_malformed_error_is_a_violation() =>
        ViolatesAsync(true, "malformed error", (peer, read) => peer.SendChunk(read.Cookie, ChunkType.Error, ChunkFlags.Done, 5u, (ushort)99, "x"));

    [Fact]
    public Task An_unknown_chunk_is_a_violation() =>
        ViolatesAsync(true, "unknown type", (peer, read) => peer.SendChunk(read.Cookie, (ChunkType)77, ChunkFlags.Done));

    [Fact]
    public Task An_endless_chunk_is_a_violation() =>
        ViolatesAsync(true, "a chunk of", (peer, read) => peer.Send(Magic.StructuredReply, ChunkFlags.Done, ChunkType.Error, read.Cookie, uint.MaxValue));

    [Fact]
    public Task A_status_that_answers_a_read_is_a_violation() => ViolatesAsync(true, "malformed block status", (peer, read) =>
        peer.SendChunk(read.Cookie, ChunkType.BlockStatus, ChunkFlags.Done, 42u, 1000u, 0u));

    [Fact]
    public Task A_server_that_hangs_up_breaks_the_connection() => ViolatesAsync(false, "hung up", (peer, _) => peer.Dispose());

    [Fact]
    public async Task A_reply_to_a_write_whose_bytes_are_not_sent_yet_is_a_violation()
    {
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(lengthBytes: 64 << 20);
        // More than two sockets take: most of it is still the caller's memory when the reply comes.
        ValueTask write = client.WriteAsync(0, new byte[32 << 20]).OffThread();
        Assert.True(RequestHeader.TryRead(peer.Read(WireSize.Request), out RequestHeader header));
        peer.SendSimple(header.Cookie);
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, write);
        Assert.Contains("not sent yet", client.Reason!.Message, StringComparison.Ordinal);
    }

    private async Task ViolatesAsync(
        bool structured, string reason, Action<ServerPeer, RequestHeader> misbehave, BlockErrorKind requestFailsWith = BlockErrorKind.Shutdown)
    {
        var pool = new ChunkPool();
        (NbdClientNode client, ServerPeer peer) = await _server.OpenAsync(structured: structured, options: new NbdClientOptions { Pool = pool });
        var closed = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.OnClosed(closed.SetResult);
        ValueTask read = client.ReadAsync(0, new byte[1000]).OffThread();
        ValueTask flush = client.FlushAsync().OffThread();
        RequestHeader header = peer.ReadRequest().Header;
        peer.ReadRequest();
        misbehave(peer, header);
        await BlockAssert.FailsAsync(requestFailsWith, read);
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, flush);
        Assert.Contains(reason, (await closed.Task.WaitAsync(TestTimeouts.Patience)).Message, StringComparison.Ordinal);
        Assert.Same(closed.Task.Result, client.Reason);
        Assert.Contains(
            reason, (await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, client.WriteAsync(0, new byte[1]).OffThread())).Message, StringComparison.Ordinal);
        await client.DisposeAsync();
        Assert.Equal(0, pool.Outstanding);
    }
}
