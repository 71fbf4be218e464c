using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Backup;
using Replication.Testing;

namespace Replication.Jobs.Tests.Backup;

/// <summary>A disk that a guest writes, and its point in time. Both disks answer when the test says.</summary>
public sealed class PointInTimeTests
{
    private const int Cluster = 64 << 10;
    private const int LengthBytes = 5 * Cluster + 512;

    private static readonly byte[] s_new = [.. Enumerable.Repeat((byte)0xEE, 512)];

    private readonly FakeTimeProvider _time = new();
    private readonly MemoryNode _sourceDisk = new(LengthBytes, "source", fill: 0x11);
    private readonly MemoryNode _targetDisk = new(LengthBytes, "target");
    private readonly DeferredNode _source;
    private readonly DeferredNode _target;
    private readonly BeforeWriteNode _guest;

    public PointInTimeTests()
    {
        (_source, _target) = (new DeferredNode(_sourceDisk), new DeferredNode(_targetDisk));
        _guest = new BeforeWriteNode("guest", _source, new GroupGate(TimeProvider.System));
        Answer(_source, BlockOperation.Read, BlockOperation.Write, BlockOperation.WriteZeroes, BlockOperation.Discard);
        Answer(_target, BlockOperation.Read, BlockOperation.Write, BlockOperation.WriteZeroes, BlockOperation.Discard);
    }

    [Fact]
    public async Task What_the_guest_changes_is_copied_first_and_once()
    {
        PointInTime pointInTime = Take();
        await _guest.WriteAsync(Cluster + 100, s_new);
        await _guest.WriteAsync(Cluster + 700, s_new);
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Write]);
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(Cluster, Cluster), 0x11);
        await CheckPointInTimeAsync(pointInTime);
    }

    [Fact]
    public async Task The_short_last_cluster_is_copied_as_it_is()
    {
        PointInTime pointInTime = Take();
        await _guest.WriteZeroesAsync(new BlockRange(LengthBytes - 512, 512));
        await _guest.DiscardAsync(new BlockRange(4 * Cluster, Cluster));
        await CheckPointInTimeAsync(pointInTime);
    }

    [Fact]
    public async Task A_job_copies_what_the_guest_has_not_and_nothing_twice()
    {
        PointInTime pointInTime = Take();
        await _guest.WriteAsync(Cluster, s_new);
        long copied = 0;
        for (BlockRange next = pointInTime.Next(0, 2 * Cluster); !next.IsEmpty; next = pointInTime.Next(next.EndBytes, 2 * Cluster))
            copied += await pointInTime.CopyAsync(next);
        Assert.Equal(LengthBytes - Cluster, copied);
        Assert.Equal(0, pointInTime.ToCopyBytes);
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(0, LengthBytes), 0x11);
    }

    [Fact]
    public async Task What_the_guest_has_copied_before_anybody_asked_counts_too()
    {
        PointInTime pointInTime = Take();
        await _guest.WriteAsync(Cluster, s_new);
        var told = new List<long>();
        pointInTime.TellCopied(told.Add);
        await _guest.WriteAsync(LengthBytes - 512, s_new);
        Assert.Equal((LengthBytes, LengthBytes - Cluster - 512), (pointInTime.WantedBytes, pointInTime.ToCopyBytes));
        Assert.Equal([Cluster, 512], told);
    }

    [Fact]
    public async Task Holes_stay_holes_and_zeroes_become_some()
    {
        await _sourceDisk.DiscardAsync(new BlockRange(0, Cluster));
        await _sourceDisk.WriteAsync(Cluster, new byte[Cluster]);
        PointInTime pointInTime = Take();
        await pointInTime.CopyAsync(new BlockRange(0, 2 * Cluster));
        Assert.Equal((0, 0), (_targetDisk.Counts[BlockOperation.Write], _targetDisk.Counts[BlockOperation.WriteZeroes]));
        Assert.Equal(new Extent(2 * Cluster, ExtentFlags.Hole | ExtentFlags.Zero), await _targetDisk.StatusAsync(new BlockRange(0, 2 * Cluster)));
    }

    [Fact]
    public async Task Zeroes_of_the_source_overwrite_what_the_target_held()
    {
        await _sourceDisk.DiscardAsync(new BlockRange(0, Cluster));
        await _targetDisk.FillAsync(new BlockRange(0, LengthBytes), 0x99);
        PointInTime pointInTime = Take();
        await pointInTime.CopyAsync(new BlockRange(0, 2 * Cluster));
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(0, Cluster), 0);
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(Cluster, Cluster), 0x11);
    }

    [Fact]
    public async Task A_reader_that_found_a_cluster_uncopied_reads_it_before_the_guest_changes_it()
    {
        SnapshotNode reader = Reader(Take());
        Hold(_source, BlockOperation.Read);
        byte[] seen = Poison.Buffer(Cluster);
        Task reading = reader.ReadAsync(0, seen).AsTask();
        DeferredRequest readOfTheReader = Assert.Single(_source.Pending);
        // The guest's write may neither copy nor change before that read has ended.
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.Single(_source.Pending);
        Assert.Equal(0, _targetDisk.Counts[BlockOperation.Write]);
        await readOfTheReader.ReleaseAsync();
        await reading;
        Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept((byte)0x11));
        await _source.ReleaseAllAsync();
        await writing;
        await BlockAssert.ContentAsync(_sourceDisk, 0, s_new);
    }

    [Fact]
    public async Task A_reader_that_comes_while_the_guests_write_copies_reads_the_copy()
    {
        SnapshotNode reader = Reader(Take());
        Hold(_target, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        byte[] seen = Poison.Buffer(Cluster);
        Task reading = reader.ReadAsync(0, seen).AsTask();
        Assert.False(reading.IsCompleted);
        await _target.ReleaseAllAsync();
        await writing;
        await reading;
        Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept((byte)0x11));
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Read]);
    }

    [Fact]
    public async Task A_reader_that_comes_between_the_copy_and_the_change_reads_the_copy()
    {
        SnapshotNode reader = Reader(Take());
        Hold(_source, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.Single(_source.Pending);
        await BlockAssert.FilledAsync(reader, new BlockRange(0, Cluster), 0x11);
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Read]);
        await _source.ReleaseAllAsync();
        await writing;
        await BlockAssert.FilledAsync(reader, new BlockRange(0, Cluster), 0x11);
    }

    [Fact]
    public async Task A_cluster_that_the_job_has_copied_under_a_reader_is_not_changed_under_it()
    {
        PointInTime pointInTime = Take();
        SnapshotNode reader = Reader(pointInTime);
        Hold(_source, BlockOperation.Read);
        byte[] seen = Poison.Buffer(Cluster);
        Task reading = reader.ReadAsync(0, seen).AsTask();
        DeferredRequest readOfTheReader = Assert.Single(_source.Pending);
        Task<long> copying = pointInTime.CopyAsync(new BlockRange(0, Cluster)).AsTask();
        await _source.Pending[1].ReleaseAsync();
        Assert.Equal(Cluster, await copying);
        // It is in the target now, and yet the reader is still on its way to the source.
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.False(writing.IsCompleted);
        await readOfTheReader.ReleaseAsync();
        await reading;
        await writing;
        Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept((byte)0x11));
    }

    [Fact]
    public async Task A_guest_does_not_change_what_the_job_is_copying()
    {
        PointInTime pointInTime = Take();
        Hold(_source, BlockOperation.Read);
        Task<long> copying = pointInTime.CopyAsync(new BlockRange(0, Cluster)).AsTask();
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.False(writing.IsCompleted);
        await _source.ReleaseAllAsync();
        Assert.Equal(Cluster, await copying);
        await writing;
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(0, Cluster), 0x11);
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Write]);
    }

    [Fact]
    public async Task A_copy_that_fails_fails_the_guests_write_and_is_tried_again()
    {
        PointInTime pointInTime = Take();
        Hold(_target, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.Single(_target.Pending).Fail(BlockErrorKind.NoSpace);
        Assert.Equal(Errno.ENOSPC, (await BlockAssert.FailsAsync(new ValueTask(writing))).Errno);
        await BlockAssert.FilledAsync(_sourceDisk, new BlockRange(0, Cluster), 0x11);
        Answer(_target, BlockOperation.Write);
        await _guest.WriteAsync(0, s_new);
        await CheckPointInTimeAsync(pointInTime);
    }

    [Fact]
    public async Task A_copy_that_fails_gives_the_point_in_time_up_where_that_is_wanted()
    {
        PointInTime pointInTime = Take(new PointInTimeOptions(Cluster, OnCbwError.BreakSnapshot));
        Hold(_target, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        Assert.Single(_target.Pending).Fail();
        await writing;
        await BlockAssert.ContentAsync(_sourceDisk, 0, s_new);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(Reader(pointInTime).ReadAsync(3 * Cluster, new byte[512]))).Errno);
        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(async () => await pointInTime.CopyAsync(new BlockRange(0, Cluster)))).Errno);
        Assert.NotNull(pointInTime.Broken);
        await _guest.WriteAsync(4 * Cluster, s_new);
    }

    [Theory]
    [InlineData(OnCbwError.BreakGuestWrite)]
    [InlineData(OnCbwError.BreakSnapshot)]
    internal async Task A_copy_that_takes_too_long_is_an_error_and_goes_on(OnCbwError policy)
    {
        PointInTime pointInTime = Take(new PointInTimeOptions(Cluster, policy, TimeSpan.FromSeconds(3)));
        Hold(_target, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(writing.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        if (policy == OnCbwError.BreakGuestWrite)
            Assert.Equal(Errno.ETIMEDOUT, (await BlockAssert.FailsAsync(new ValueTask(writing))).Errno);
        else
            await writing;
        Assert.Equal(policy == OnCbwError.BreakSnapshot, pointInTime.Broken is not null);
        Task settled = pointInTime.SettleAsync();
        Assert.False(settled.IsCompleted);
        await _target.ReleaseAllAsync();
        await settled.WaitAsync(TestTimeouts.Patience);
        if (policy == OnCbwError.BreakGuestWrite)
            await CheckPointInTimeAsync(pointInTime);
    }

    [Theory]
    [InlineData(OnCbwError.BreakGuestWrite)]
    [InlineData(OnCbwError.BreakSnapshot)]
    internal async Task A_write_that_waits_for_a_copy_of_the_job_waits_no_longer_than_for_its_own(OnCbwError policy)
    {
        PointInTime pointInTime = Take(new PointInTimeOptions(Cluster, policy, TimeSpan.FromSeconds(3)));
        Hold(_target, BlockOperation.Write);
        Task copying = pointInTime.CopyAsync(new BlockRange(0, Cluster)).AsTask();
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(writing.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        if (policy == OnCbwError.BreakGuestWrite)
            Assert.Equal(Errno.ETIMEDOUT, (await BlockAssert.FailsAsync(new ValueTask(writing))).Errno);
        else
            await writing;
        Assert.Equal(policy == OnCbwError.BreakSnapshot, pointInTime.Broken is not null);
        await _target.ReleaseAllAsync();
        await copying;
        if (policy == OnCbwError.BreakGuestWrite)
            await CheckPointInTimeAsync(pointInTime);
        // Nobody who has given up holds the clusters.
        await _guest.WriteAsync(0, s_new).AsTask().WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Once_it_is_lost_the_guest_waits_for_no_reader_and_the_reader_learns_of_it()
    {
        PointInTime pointInTime = Take();
        Hold(_source, BlockOperation.Read);
        Task early = Reader(pointInTime).ReadAsync(0, new byte[Cluster]).AsTask();
        Task waiting = _guest.WriteAsync(512, s_new).AsTask();
        Assert.False(waiting.IsCompleted);
        pointInTime.Break(new BlockException(BlockErrorKind.Io, "target", BlockOperation.Write, default, "it is gone"));
        await waiting;
        await _guest.WriteAsync(0, s_new);
        Assert.Single(_source.Pending);
        await _source.ReleaseAllAsync();
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(new ValueTask(early))).Errno);
    }

    [Fact]
    public async Task Writes_that_wait_for_a_copy_that_hangs_wait_no_longer_than_its_own()
    {
        PointInTime pointInTime = Take(new PointInTimeOptions(Cluster, OnCbwError.BreakSnapshot, TimeSpan.FromSeconds(3)));
        Hold(_target, BlockOperation.Write);
        Task[] writing = [_guest.WriteAsync(0, s_new).AsTask(), _guest.WriteAsync(512, s_new).AsTask()];
        Task reading = Reader(pointInTime).ReadAsync(0, new byte[512]).AsTask();
        Assert.DoesNotContain(writing, task => task.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(3));
        await Task.WhenAll(writing);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(new ValueTask(reading))).Errno);
        await _target.ReleaseAllAsync();
        await pointInTime.SettleAsync();
    }

    [Fact]
    public async Task A_reader_waits_for_a_copy_however_long_it_takes()
    {
        PointInTime pointInTime = Take(new PointInTimeOptions(Cluster, OnCbwError.BreakGuestWrite, TimeSpan.FromSeconds(3)));
        Hold(_target, BlockOperation.Write);
        Task writing = _guest.WriteAsync(0, s_new).AsTask();
        byte[] seen = Poison.Buffer(Cluster);
        Task reading = Reader(pointInTime).ReadAsync(0, seen).AsTask();
        _time.Advance(TimeSpan.FromSeconds(4));
        await BlockAssert.FailsAsync(new ValueTask(writing));
        Assert.False(reading.IsCompleted);
        await _target.ReleaseAllAsync();
        await reading;
        Assert.Equal(-1, seen.AsSpan().IndexOfAnyExcept((byte)0x11));
    }

    [Fact]
    public async Task What_nobody_wants_is_neither_kept_nor_readable()
    {
        var wanted = new BlockBitmap(6);
        wanted.Set(2, 1);
        PointInTime pointInTime = Take(wanted: wanted);
        await _guest.WriteAsync(0, s_new);
        Assert.Equal(0, _targetDisk.Counts[BlockOperation.Write]);
        SnapshotNode reader = Reader(pointInTime);
        BlockException denied = await BlockAssert.FailsAsync(reader.ReadAsync(2 * Cluster - 1, new byte[2]));
        Assert.Equal((Errno.EACCES, Cluster), (denied.Errno, denied.Range.OffsetBytes));
        await BlockAssert.FilledAsync(reader, new BlockRange(2 * Cluster, Cluster), 0x11);
        // Of what is denied nothing is known; it ends where something is.
        Assert.Equal(new Extent(2 * Cluster - 100, ExtentFlags.Data), await reader.StatusAsync(new BlockRange(100, LengthBytes - 100)));
    }

    [Fact]
    public async Task What_a_reader_gives_back_is_denied_from_then_on_and_freed()
    {
        PointInTime pointInTime = Take();
        await _guest.WriteAsync(Cluster, s_new);
        SnapshotNode reader = Reader(pointInTime);
        await reader.DiscardAsync(new BlockRange(Cluster - 1, Cluster + 2));
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Discard]);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(reader.ReadAsync(Cluster, new byte[1]))).Errno);
        await BlockAssert.FilledAsync(reader, new BlockRange(0, Cluster), 0x11);
        await BlockAssert.FilledAsync(reader, new BlockRange(2 * Cluster, Cluster), 0x11);
        await _guest.WriteAsync(Cluster, s_new);
        Assert.Equal(1, _targetDisk.Counts[BlockOperation.Write]);
        await reader.DiscardAsync(new BlockRange(5 * Cluster, 512));
        await BlockAssert.FailsAsync(reader.ReadAsync(5 * Cluster, new byte[1]));
    }

    [Fact]
    public async Task A_reader_changes_nothing()
    {
        SnapshotNode reader = Reader(Take());
        await BlockAssert.FailsAsync(BlockErrorKind.ReadOnly, reader.WriteAsync(0, s_new));
        await BlockAssert.FailsAsync(BlockErrorKind.NotSupported, reader.WriteZeroesAsync(new BlockRange(0, 512)));
        Assert.Equal(new Extent(LengthBytes, ExtentFlags.Data), await reader.StatusAsync(new BlockRange(0, LengthBytes)));
    }

    [Fact]
    public async Task Random_writes_a_job_and_readers_agree_on_one_moment()
    {
        Random random = DeterministicRandom.Create();
        byte[] before = random.Bytes(LengthBytes);
        await _sourceDisk.WriteAsync(0, before);
        PointInTime pointInTime = Take(new PointInTimeOptions(4096));
        SnapshotNode reader = Reader(pointInTime);
        Hold(_source, BlockOperation.Read, BlockOperation.Write);
        Hold(_target, BlockOperation.Read, BlockOperation.Write);
        var running = new List<Task>();
        for (int step = 0; step < 4000; step++)
        {
            DeferredRequest[] pending = [.. _source.Pending, .. _target.Pending];
            if (pending.Length > 0 && (running.Count > 20 || random.Next(2) == 0))
            {
                await pending[random.Next(pending.Length)].ReleaseAsync();
                running.RemoveAll(task => task.IsCompletedSuccessfully);
                continue;
            }

            long offset = random.Next(LengthBytes - 9000);
            int length = random.Next(1, 9000);
            running.Add(random.Next(4) switch
            {
                0 => CheckReadAsync(offset, length),
                1 => pointInTime.CopyAsync(pointInTime.Next(offset, 16384) is { IsEmpty: false } next ? next : new BlockRange(0, 4096)).AsTask(),
                _ => _guest.WriteAsync(offset, random.Bytes(length)).AsTask(),
            });
        }

        while (running.Exists(task => !task.IsCompleted))
        {
            await _source.ReleaseAllAsync();
            await _target.ReleaseAllAsync();
        }

        await Task.WhenAll(running);
        Answer(_source, BlockOperation.Read);
        Answer(_target, BlockOperation.Read, BlockOperation.Write);
        await BlockAssert.ContentAsync(reader, 0, before);
        for (BlockRange next = pointInTime.Next(0, 1 << 20); !next.IsEmpty; next = pointInTime.Next(next.EndBytes, 1 << 20))
            await pointInTime.CopyAsync(next);
        BlockAssert.Equal(before, _targetDisk.Snapshot());

        async Task CheckReadAsync(long offset, int length)
        {
            byte[] seen = Poison.Buffer(length);
            await reader.ReadAsync(offset, seen);
            BlockAssert.Equal(before.AsSpan((int)offset, length), seen, offset);
        }
    }

    private static void Answer(DeferredNode node, params ReadOnlySpan<BlockOperation> operations)
    {
        foreach (BlockOperation operation in operations)
            node.Immediate.Add(operation);
    }

    private static void Hold(DeferredNode node, params ReadOnlySpan<BlockOperation> operations)
    {
        foreach (BlockOperation operation in operations)
            node.Immediate.Remove(operation);
    }

    private static SnapshotNode Reader(PointInTime pointInTime) => new("reader", LengthBytes, pointInTime);

    private PointInTime Take(PointInTimeOptions? options = null, BlockBitmap? wanted = null)
    {
        options ??= new PointInTimeOptions(Cluster);
        if (wanted is null)
        {
            wanted = new BlockBitmap((LengthBytes + options.ClusterBytes - 1) / options.ClusterBytes);
            wanted.Set(0, wanted.LengthBits);
        }

        var pointInTime = new PointInTime(_source, _target, wanted, options, new CopyBuffers(256 << 10), _time);
        _guest.Add(pointInTime);
        return pointInTime;
    }

    private static Task CheckPointInTimeAsync(PointInTime pointInTime) =>
        BlockAssert.FilledAsync(Reader(pointInTime), new BlockRange(0, LengthBytes), 0x11);
}
