using Replication.Block;
using Replication.Block.Locks;
using Replication.Block.Quorums;
using Replication.Nbd;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>The mirror over the real NBD client and server, on a Unix socket.</summary>
public sealed class MirrorOverNbdTests : IQuorumObserver, IAsyncLifetime
{
    private const int DiskBytes = 4 << 20;

    private readonly TempDirectory _directory = new();
    private readonly RecordingObserver _observer = new();
    private readonly MemoryNode _local = new(DiskBytes, "disk0");
    private readonly MemoryNode _peer = new(DiskBytes, "peer");
    private readonly GuestAdmission _admission = new();
    private readonly Quorum _quorum;

    public MirrorOverNbdTests() => _quorum = new Quorum("quorum0", _local, _admission, new GroupGate(TimeProvider.System), this);

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return default;
    }

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task Overlapping_writes_leave_equal_disks_and_both_sides_count_the_same(Acknowledge acknowledge)
    {
        await using NbdServer server = Serve(_peer);
        await using MirrorSession session = Session(acknowledge, TimeProvider.System, TimeSpan.FromSeconds(20));
        await using IMirrorConnection connection = await AttachAsync(session);
        int seed = DeterministicRandom.Create().Next();
        await Task.WhenAll(Enumerable.Range(0, 2).Select(thread => Task.Run(() => WriteAsync(new Random(seed + thread), 3000)))).WaitAsync(
            TestTimeouts.Patience);
        await _quorum.FlushAsync();
        Assert.Equal(DrainResult.Drained, await session.DrainAsync(TestTimeouts.Patience));
        await BlockAssert.SameAsync(_local, _peer);
        Assert.Equal((ulong)(_peer.Counts[BlockOperation.Write] + _peer.Counts[BlockOperation.WriteZeroes]), session.AnsweredWrites);
        Assert.Empty(_observer.Losses);
    }

    [Fact]
    public async Task A_server_that_goes_away_under_load_is_noticed_and_the_guest_is_not_hurt()
    {
        await using NbdServer server = Serve(_peer);
        await using MirrorSession session = Session(Acknowledge.Applied, TimeProvider.System, TimeSpan.FromSeconds(20));
        await using IMirrorConnection connection = await AttachAsync(session);
        Task writes = Task.Run(() => WriteAsync(DeterministicRandom.Create(), 3000));
        await Eventually.TrueAsync(() => session.AnsweredWrites > 100);
        await server.StopAsync(drain: false);
        await writes.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(MirrorLossCause.ConnectionLost, Assert.Single(_observer.Losses).Cause);
    }

    [Fact]
    public async Task Messages_name_the_disk_and_the_address_and_never_the_token()
    {
        await using NbdServer server = Serve(new MemoryNode(DiskBytes));
        await using IMirrorConnection connection = await new NbdMirrorTransport(Address).ConnectAsync("disk0@token", CancellationToken.None);
        Assert.Equal($"disk0 at {Address}", connection.Node.Name);
        VerbException refused = await Assert.ThrowsAsync<VerbException>(
            () => new NbdMirrorTransport(Address).ConnectAsync("disk0@0badc0de", CancellationToken.None));
        Assert.StartsWith($"the secondary's mirror listener {Address} cannot be reached for disk 'disk0': ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("0badc0de", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_answers_nothing_is_given_up_after_the_deadline()
    {
        var hung = new DeferredNode(_peer);
        await using NbdServer server = Serve(hung);
        var time = new FakeTimeProvider();
        await using MirrorSession session = Session(Acknowledge.Applied, time, TimeSpan.FromMilliseconds(500));
        await using IMirrorConnection connection = await AttachAsync(session);
        Task write = _quorum.WriteAsync(0, new byte[4096]).AsTask();
        await hung.WaitForPendingAsync();
        time.Advance(TimeSpan.FromMilliseconds(450));
        Assert.False(write.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(50));
        await write.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(MirrorLossCause.Silent, Assert.Single(_observer.Losses).Cause);
        await hung.ReleaseAllAsync();
    }

    void IQuorumObserver.LocalFailed(Quorum quorum, BlockException failure) => Assert.Fail(failure.Message);

    void IQuorumObserver.ForwardFailed(Quorum quorum, BlockException failure, bool localFailedToo) => Assert.Fail(failure.Message);

    private NbdServer Serve(BlockNode node)
    {
        var server = new NbdServer([new NbdListener(Address)], new ExportCatalog([new NbdExport("disk0@token", node)]));
        server.Start();
        return server;
    }

    private MirrorSession Session(Acknowledge acknowledge, TimeProvider time, TimeSpan deadline) =>
        new(Guid.NewGuid(), new MirrorSessionOptions { Acknowledge = acknowledge, Deadline = deadline }, _observer, time);

    private async Task<IMirrorConnection> AttachAsync(MirrorSession session)
    {
        IMirrorConnection connection = await new NbdMirrorTransport(Address).ConnectAsync("disk0@token", CancellationToken.None);
        MirrorLink link = session.AddLink("disk0", connection);
        await _quorum.AddChildAsync(link, link);
        return connection;
    }

    private NbdAddress Address => NbdAddress.Parse($"nbd+unix:///?socket={_directory["mirror.sock"]}");

    private async Task WriteAsync(Random random, int count)
    {
        var inFlight = new Queue<Task>();
        for (int i = 0; i < count; i++)
        {
            byte[] data = random.Bytes(4096);
            long offset = random.Next(DiskBytes - 4096);
            inFlight.Enqueue(i % 20 == 0 ? _quorum.DiscardAsync(new BlockRange(offset, 3000)).AsTask() : _quorum.WriteAsync(offset, data).AsTask());
            if (inFlight.Count == 32)
                await inFlight.Dequeue();
        }

        await Task.WhenAll(inFlight);
    }
}
