using Replication.Block;
using Replication.Jobs.Fleecing;
using Replication.Jobs.Tests.Commands;
using Replication.Nbd;
using Replication.Testing;
using static Replication.Jobs.Tests.Fleecing.FleeceWorld;

namespace Replication.Jobs.Tests.Fleecing;

/// <summary>
/// The race of fleecing, through the export, in each order: a reader looks a cluster up and finds it uncopied; a guest's write copies it and overwrites it; the
/// reader reads the disk. Disk and target answer when the test says.
/// </summary>
public sealed class FleeceRaceTests : IAsyncLifetime
{
    private static readonly byte[] s_new = [.. Enumerable.Repeat((byte)0xEE, 512)];

    private readonly TempDirectory _directory = new();
    private FleeceWorld _world = null!;
    private NbdServer _server = null!;
    private NbdClientNode _reader = null!;
    private NbdClientNode _other = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await FleeceWorld.CreateAsync();
        await _world.Disk.FillAsync(0, (int)CommandWorld.LengthBytes, 0x11);
        await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Target = "t" });
        NbdAddress address = NbdAddress.Unix(_directory["nbd"]);
        _server = new NbdServer([new NbdListener(address)], _world.Fleeces.Exports);
        _server.Start();
        _reader = await NbdClient.ConnectAsync(address, "f");
        _other = await NbdClient.ConnectAsync(address, "f");
    }

    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        await _other.DisposeAsync();
        await _server.DisposeAsync();
        _directory.Dispose();
    }

    private DeferredNode Source => _world.Disk.Source;

    private CommandWorld.TestTarget Target => _world.Commands.Target("t");

    [Fact]
    public async Task The_reader_has_found_it_uncopied_and_the_guests_write_waits_for_the_read()
    {
        Source.Immediate.Remove(BlockOperation.Read);
        Task<byte[]> reading = ReadAsync(_reader);
        DeferredRequest readOfTheReader = Assert.Single(await Source.WaitForPendingAsync());
        Task writing = _world.Disk.Job.Node.WriteAsync(0, s_new).AsTask();
        // Neither the copy nor the change has begun.
        Assert.Single(Source.Pending);
        Assert.Equal(0, Target.Memory.Counts[BlockOperation.Write]);
        await readOfTheReader.ReleaseAsync();
        IsOld(await reading);
        await Source.WaitForPendingAsync();
        Source.Immediate.Add(BlockOperation.Read);
        await Source.ReleaseAllAsync();
        await writing;
        IsOld(await ReadAsync(_reader));
        await BlockAssert.ContentAsync(_world.Disk.Memory, 0, s_new);
    }

    [Fact]
    public async Task The_guests_write_is_copying_and_the_reader_waits_for_the_copy()
    {
        Target.Deferred.Immediate.Remove(BlockOperation.Write);
        Task writing = _world.Disk.Job.Node.WriteAsync(0, s_new).AsTask();
        Task<byte[]> reading = ReadAsync(_reader);
        // Behind it on the same connection, so that the server has begun with it; another cluster is nobody's business.
        IsOld(await ReadAsync(_reader, Cluster));
        Assert.False(writing.IsCompleted);
        Assert.False(reading.IsCompleted);
        await Target.Deferred.ReleaseAllAsync();
        await writing;
        IsOld(await reading);
    }

    [Fact]
    public async Task The_copy_is_there_and_the_change_is_not_and_the_reader_reads_the_copy()
    {
        Source.Immediate.Remove(BlockOperation.Write);
        Task writing = _world.Disk.Job.Node.WriteAsync(0, s_new).AsTask();
        await Source.WaitForPendingAsync();
        IsOld(await ReadAsync(_reader));
        Assert.Equal(1, Target.Memory.Counts[BlockOperation.Read]);
        await Source.ReleaseAllAsync();
        await writing;
        IsOld(await ReadAsync(_reader));
    }

    [Fact]
    public async Task A_reader_that_gives_back_waits_for_the_one_that_reads()
    {
        Source.Immediate.Remove(BlockOperation.Read);
        Task<byte[]> reading = ReadAsync(_reader);
        await Source.WaitForPendingAsync();
        Task trimming = _other.DiscardAsync(new BlockRange(0, Cluster)).AsTask();
        await _other.FlushAsync();
        Assert.False(trimming.IsCompleted);
        Task writing = _world.Disk.Job.Node.WriteAsync(0, s_new).AsTask();
        Assert.False(writing.IsCompleted);
        await Source.ReleaseAllAsync();
        IsOld(await reading);
        Source.Immediate.Add(BlockOperation.Read);
        await Source.ReleaseAllAsync();
        await trimming;
        await writing;
        await BlockAssert.FailsAsync(BlockErrorKind.Io, _reader.ReadAsync(0, new byte[512]));
    }

    [Fact]
    public async Task Closing_waits_for_the_reader_that_reads()
    {
        Source.Immediate.Remove(BlockOperation.Read);
        Task<byte[]> reading = ReadAsync(_reader);
        await Source.WaitForPendingAsync();
        Task closing = _world.Fleeces.CloseAsync("f", isDone: false, default);
        Assert.False(closing.IsCompleted);
        Assert.True(Target.IsOpen);
        await Assert.ThrowsAsync<NbdConnectException>(() => NbdClient.ConnectAsync(NbdAddress.Unix(_directory["nbd"]), "f"));
        Source.Immediate.Add(BlockOperation.Read);
        await Source.ReleaseAllAsync();
        await closing.WaitAsync(TestTimeouts.Patience);
        await Assert.ThrowsAsync<BlockException>(() => reading);
        await Task.WhenAll(_world.Commands.Jobs.Running.Select(running => running.Task)).WaitAsync(TestTimeouts.Patience);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task Closing_waits_for_a_target_that_hangs_under_a_reader_for_some_time_only()
    {
        await _world.Disk.Job.Node.WriteAsync(0, s_new);
        Target.Deferred.Immediate.Remove(BlockOperation.Read);
        Task<byte[]> reading = ReadAsync(_reader);
        await Target.Deferred.WaitForPendingAsync();
        Task closing = _world.Fleeces.CloseAsync("f", isDone: false, default);
        _world.Time.Advance(Limits.CancelPatience - TimeSpan.FromMilliseconds(1));
        Assert.False(closing.IsCompleted);
        _world.Time.Advance(TimeSpan.FromMilliseconds(1));
        await closing.WaitAsync(TestTimeouts.Patience);
        await Assert.ThrowsAsync<BlockException>(() => reading);
        Assert.Equal(["f: opened", "f: closed"], _world.Told);
    }

    private static async Task<byte[]> ReadAsync(NbdClientNode reader, long offsetBytes = 0)
    {
        byte[] seen = Poison.Buffer(Cluster);
        await reader.ReadAsync(offsetBytes, seen);
        return seen;
    }

    private static void IsOld(byte[] seen) => Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept((byte)0x11));
}
