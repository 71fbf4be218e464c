using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Backup;
using Replication.Testing;

namespace Replication.Jobs.Tests.Backup;

/// <summary>Backups of a disk in memory, as jobs.</summary>
public sealed class BackupWorkTests
{
    private const int Cluster = 64 << 10;
    private const int LengthBytes = 40 * Cluster + 512;

    private readonly JobWorld _world = new();
    private readonly MemoryNode _sourceDisk = new(LengthBytes, "source", fill: 0x11);
    private readonly MemoryNode _targetDisk = new(LengthBytes, "target");
    private readonly DeferredNode _source;
    private readonly DeferredNode _target;
    private readonly BeforeWriteNode _guest;
    private readonly RecordedBitmap _bitmap = new();
    private bool _isSealed;
    private bool _isClosed;

    public BackupWorkTests()
    {
        (_source, _target) = (new DeferredNode(_sourceDisk), new DeferredNode(_targetDisk));
        _guest = new BeforeWriteNode("guest", _source, new GroupGate(TimeProvider.System));
        foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
        {
            _source.Immediate.Add(operation);
            _target.Immediate.Add(operation);
        }
    }

    [Fact]
    public void A_full_backup_is_the_disk_flushed_and_sealed()
    {
        Begin();
        Assert.Equal(0, _world.ResultOf("backup"));
        Assert.Equal((LengthBytes, LengthBytes), (_world.Last["backup"].OffsetBytes, _world.Last["backup"].LengthBytes));
        BlockAssert.Equal(_sourceDisk.Snapshot(), _targetDisk.Snapshot());
        Assert.Equal((1, true, true), (_targetDisk.Counts[BlockOperation.Flush], _isSealed, _isClosed));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task What_the_guest_writes_meanwhile_is_not_in_it()
    {
        _target.Immediate.Remove(BlockOperation.Write);
        Begin(workers: 2);
        Assert.Equal(2, _target.Pending.Count);
        Task writing = _guest.WriteAsync(LengthBytes - 512, new byte[512]).AsTask();
        Assert.Equal(3, _target.Pending.Count);
        await RunToTheEndAsync(_target);
        await writing;
        Assert.Equal(0, _world.ResultOf("backup"));
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(0, LengthBytes), 0x11);
        Assert.Equal(LengthBytes, _world.Last["backup"].OffsetBytes);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_copy_is_shorter_while_the_guest_writes()
    {
        _target.Immediate.Remove(BlockOperation.Write);
        Begin(workers: 1);
        Assert.Equal(Limits.CopyBytes, Assert.Single(_target.Pending).Range.LengthBytes);
        Task writing = _guest.WriteAsync(0, new byte[512]).AsTask();
        await _target.Pending[0].ReleaseAsync();
        await writing;
        Assert.Equal(new BlockRange(Limits.CopyBytes, Limits.BesideGuestBytes), Assert.Single(_target.Pending).Range);
        await _target.Pending[0].ReleaseAsync();
        Assert.Equal(
            new BlockRange(Limits.CopyBytes + Limits.BesideGuestBytes, Limits.CopyBytes), Assert.Single(_target.Pending).Range);
        await RunToTheEndAsync(_target);
        Assert.Equal(0, _world.ResultOf("backup"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task One_without_copies_of_its_own_runs_until_it_is_cancelled()
    {
        Begin(sync: BackupSync.None);
        await _guest.WriteAsync(0, new byte[512]);
        _world.Engine.Pause("backup");
        Assert.Equal(JobStatus.Paused, _world.StatusOf("backup"));
        await _guest.WriteAsync(2 * Cluster, new byte[512]);
        _world.Engine.Resume("backup");
        Assert.Equal((JobStatus.Running, 2 * Cluster), (_world.StatusOf("backup"), _world.Engine.Query()[0].OffsetBytes));
        _world.Engine.Cancel("backup");
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("backup"));
        Assert.True(_isClosed);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task One_without_copies_of_its_own_fails_when_its_point_in_time_is_lost()
    {
        DeferredNode failing = Hold(ofSource: false);
        Begin(sync: BackupSync.None, options: new PointInTimeOptions(Cluster, OnCbwError.BreakSnapshot));
        Task writing = _guest.WriteAsync(0, new byte[512]).AsTask();
        Assert.Equal(JobStatus.Running, _world.StatusOf("backup"));
        failing.Pending[0].Fail();
        await writing;
        Assert.Equal(Errno.EIO, _world.ResultOf("backup"));
        Assert.True(_isClosed);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Marks_are_given_up_only_for_what_a_flush_has_made_safe(bool whileItCopies)
    {
        var marked = new BlockBitmap((LengthBytes + Cluster - 1) / Cluster);
        marked.Set(0, 1);
        marked.Set(2, 1);
        _target.Immediate.Remove(BlockOperation.Write);
        _target.Immediate.Remove(BlockOperation.Flush);
        Begin(workers: 2, sync: BackupSync.Bitmap, wanted: marked, mode: BitmapMode.Always);
        await _target.Pending[0].ReleaseAsync();
        if (whileItCopies)
            _target.Pending[0].Fail();
        else
            await _target.Pending[0].ReleaseAsync();
        Assert.Equal(BlockOperation.Flush, Assert.Single(_target.Pending).Operation);
        _target.Pending[0].Fail();
        Assert.Equal(Errno.EIO, _world.ResultOf("backup"));
        Assert.Equal(["give back with 0, 2"], _bitmap.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_paused_one_stands_with_nothing_under_way()
    {
        _target.Immediate.Remove(BlockOperation.Write);
        Begin(workers: 1);
        _world.Engine.Pause("backup");
        Assert.Equal(JobStatus.Running, _world.StatusOf("backup"));
        await _target.ReleaseAllAsync();
        Assert.Equal(JobStatus.Paused, _world.StatusOf("backup"));
        Assert.Empty(_target.Pending);
        long offset = _world.Engine.Query()[0].OffsetBytes;
        Assert.True(offset is > 0 and < LengthBytes);
        _world.Engine.Resume("backup");
        await RunToTheEndAsync(_target);
        Assert.Equal(0, _world.ResultOf("backup"));
        BlockAssert.Equal(_sourceDisk.Snapshot(), _targetDisk.Snapshot());
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_cancelled_one_waits_for_what_is_under_way()
    {
        _target.Immediate.Remove(BlockOperation.Write);
        Begin(workers: 2);
        _world.Engine.Cancel("backup");
        Assert.Equal(JobStatus.Running, _world.StatusOf("backup"));
        Assert.False(_isClosed);
        await _target.ReleaseAllAsync();
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("backup"));
        Assert.Equal((false, true), (_isSealed, _isClosed));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task The_speed_bounds_what_is_copied()
    {
        Begin(speed: 1 << 20);
        long copied = _world.Engine.Query()[0].OffsetBytes;
        for (int tenths = 0; tenths < 9; tenths++)
            _world.Time.Advance(Limits.PaceStep);
        Assert.Equal(copied, _world.Engine.Query()[0].OffsetBytes);
        for (int tenths = 0; _world.Engine.Query().Count > 0; tenths++)
        {
            Assert.True(tenths < 20, "2.5 MiB at 1 MiB a second take no more than three seconds");
            _world.Time.Advance(Limits.PaceStep);
        }

        Assert.Equal(0, _world.ResultOf("backup"));
        await BlockAssert.SameAsync(_sourceDisk, _targetDisk);
    }

    [Theory]
    [InlineData(true, "read")]
    [InlineData(false, "write")]
    public void An_error_fails_it_by_default(bool ofSource, string operation)
    {
        DeferredNode failing = Hold(ofSource);
        Begin(workers: 2);
        failing.Pending[0].Fail(BlockErrorKind.NoSpace);
        Assert.Contains($"backup: {operation} failed, report", _world.Told);
        failing.Pending[0].Fail();
        Assert.Equal(Errno.ENOSPC, _world.ResultOf("backup"));
        Assert.Equal((false, true), (_isSealed, _isClosed));
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(ErrorPolicy.Stop, BlockErrorKind.Io)]
    [InlineData(ErrorPolicy.Enospc, BlockErrorKind.NoSpace)]
    public async Task An_error_may_stop_it_and_what_failed_is_copied_when_it_is_resumed(ErrorPolicy policy, BlockErrorKind kind)
    {
        DeferredNode failing = Hold(ofSource: false);
        Begin(workers: 2, onTargetError: policy);
        failing.Pending[1].Fail(kind);
        Assert.Equal(JobStatus.Running, _world.StatusOf("backup"));
        await failing.ReleaseAllAsync();
        Assert.Equal(JobStatus.Paused, _world.StatusOf("backup"));
        Assert.Equal(kind == BlockErrorKind.NoSpace ? IoStatus.NoSpace : IoStatus.Failed, _world.Engine.Query()[0].IoStatus);
        _world.Engine.Resume("backup");
        await RunToTheEndAsync(failing);
        Assert.Equal(0, _world.ResultOf("backup"));
        await BlockAssert.SameAsync(_sourceDisk, _targetDisk);
    }

    [Fact]
    public async Task An_error_may_be_ignored_and_what_failed_is_tried_again()
    {
        DeferredNode failing = Hold(ofSource: true);
        Begin(workers: 1, onSourceError: ErrorPolicy.Ignore);
        failing.Pending[0].Fail();
        Assert.Empty(failing.Pending);
        _world.Time.Advance(Limits.IgnoredErrorRest);
        await RunToTheEndAsync(failing);
        Assert.Equal(0, _world.ResultOf("backup"));
        Assert.Single(_world.Told, "backup: read failed, ignore");
        await BlockAssert.SameAsync(_sourceDisk, _targetDisk);
    }

    [Fact]
    public async Task A_point_in_time_that_a_guests_write_has_broken_fails_it()
    {
        DeferredNode failing = Hold(ofSource: false);
        Begin(workers: 1, options: new PointInTimeOptions(Cluster, OnCbwError.BreakSnapshot));
        Task writing = _guest.WriteAsync(LengthBytes - 512, new byte[512]).AsTask();
        failing.Pending[1].Fail();
        await writing;
        await RunToTheEndAsync(failing);
        Assert.Equal(Errno.EIO, _world.ResultOf("backup"));
        Assert.False(_isSealed);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(BitmapMode.OnSuccess, true, "prepare; commit")]
    [InlineData(BitmapMode.OnSuccess, false, "give back with all")]
    [InlineData(BitmapMode.Never, true, "prepare with all; commit")]
    [InlineData(BitmapMode.Never, false, "give back with all")]
    [InlineData(BitmapMode.Always, true, "prepare; commit")]
    [InlineData(BitmapMode.Always, false, "give back with 0, 2")]
    public async Task The_bitmap_gives_way_to_its_successor_with_what_is_to_stay_marked(BitmapMode mode, bool succeeds, string end)
    {
        var marked = new BlockBitmap((LengthBytes + Cluster - 1) / Cluster);
        marked.Set(0, 1);
        marked.Set(2, 1);
        marked.Set(40, 1);
        _target.Immediate.Remove(BlockOperation.Write);
        Begin(workers: 3, sync: BackupSync.Bitmap, wanted: marked, mode: mode);
        Assert.Equal(3, _target.Pending.Count);
        await _target.Pending[2].ReleaseAsync();
        if (succeeds)
            await RunToTheEndAsync(_target);
        else
        {
            _target.Pending[0].Fail();
            _target.Pending[0].Fail();
        }

        Assert.Equal(succeeds ? 0 : Errno.EIO, _world.ResultOf("backup"));
        Assert.Equal(end, string.Join("; ", _bitmap.Calls));
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(Cluster, Cluster), 0);
        await BlockAssert.FilledAsync(_targetDisk, new BlockRange(40 * Cluster, 512), 0x11);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_bitmap_is_taken_back_where_another_backup_of_the_transaction_fails()
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        var other = new ScriptedWork();
        Create(transaction);
        _world.Add(transaction, "other", other);
        _world.Engine.Begin(transaction);
        Assert.Equal(JobStatus.Waiting, _world.StatusOf("backup"));
        other.Fail(Errno.EIO);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("backup"));
        Assert.Equal(["give back with all"], _bitmap.Calls);
        Assert.False(_isSealed);
        _world.CheckNothingIsLeft();
    }

    private static async Task RunToTheEndAsync(DeferredNode node)
    {
        while (node.Pending.Count > 0)
            await node.ReleaseAllAsync();
    }

    private DeferredNode Hold(bool ofSource)
    {
        (ofSource ? _source : _target).Immediate.Remove(ofSource ? BlockOperation.Read : BlockOperation.Write);
        return ofSource ? _source : _target;
    }

    private void Begin(
        int workers = 64, BackupSync sync = BackupSync.Full, long speed = 0, ErrorPolicy onSourceError = ErrorPolicy.Report,
        ErrorPolicy onTargetError = ErrorPolicy.Report, PointInTimeOptions? options = null, BlockBitmap? wanted = null, BitmapMode mode = BitmapMode.OnSuccess)
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        Create(transaction, workers, sync, speed, onSourceError, onTargetError, options, wanted, mode);
        _world.Engine.Begin(transaction);
    }

    private void Create(
        JobTransaction transaction, int workers = 64, BackupSync sync = BackupSync.Full, long speed = 0, ErrorPolicy onSourceError = ErrorPolicy.Report,
        ErrorPolicy onTargetError = ErrorPolicy.Report, PointInTimeOptions? options = null, BlockBitmap? wanted = null, BitmapMode mode = BitmapMode.OnSuccess)
    {
        if (wanted is null)
        {
            wanted = new BlockBitmap((LengthBytes + Cluster - 1) / Cluster);
            wanted.Set(0, wanted.LengthBits);
        }

        var pointInTime = new PointInTime(_source, _target, wanted, options ?? new PointInTimeOptions(Cluster), new CopyBuffers(Limits.CopyBytes), _world.Time);
        _guest.Add(pointInTime);
        var plan = new BackupPlan
        {
            PointInTime = pointInTime,
            Source = _source.Name,
            Target = _target,
            Sync = sync,
            Workers = workers,
            OnSourceError = onSourceError,
            OnTargetError = onTargetError,
            Bitmap = _bitmap,
            BitmapMode = mode,
            SealAsync = () =>
            {
                _isSealed = true;
                return default;
            },
            CloseAsync = async () =>
            {
                _guest.Remove(pointInTime);
                await pointInTime.SettleAsync();
                _isClosed = true;
            },
        };
        _world.Engine.Create(
            transaction, new JobOptions { Id = "backup", Type = JobType.Backup, SpeedBytesPerSecond = speed }, new BackupWork(plan, _world.Time));
    }

    private sealed class RecordedBitmap : IBackupBitmap
    {
        public List<string> Calls { get; } = [];

        public BlockBitmap Frozen { get; } = new(1);

        public int GranularityBytes => Cluster;

        public ValueTask PrepareAsync(BlockBitmap? kept, int granularityBytes)
        {
            Calls.Add(kept is null ? "prepare" : $"prepare with {Marks(kept)}");
            return default;
        }

        public void Commit() => Calls.Add("commit");

        public ValueTask GiveBackAsync(BlockBitmap kept, int granularityBytes)
        {
            Calls.Add($"give back with {Marks(kept)}");
            return default;
        }

        private string Marks(BlockBitmap kept) => kept == Frozen ? "all" : string.Join(", ", Enumerable.Range(0, 41).Where(bit => kept[bit]));
    }
}
