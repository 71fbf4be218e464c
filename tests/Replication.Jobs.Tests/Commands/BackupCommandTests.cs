using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Jobs.Tests.Commands;

/// <summary>Backups as they are asked for: their rules, their moment, and what they leave.</summary>
public sealed class BackupCommandTests : IAsyncLifetime
{
    private CommandWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await CommandWorld.CreateAsync("disk0", "disk1");
        await _world.Disk("disk0").FillAsync(0, 64 << 10, 0x11);
        await _world.Disk("disk0").FillAsync(162 << 10, 32 << 10, 0x22);
        await _world.Disk("disk0").FillAsync(CommandWorld.LengthBytes - 512, 512, 0x33);
        await _world.TransactAsync(
            false, new TransactionAction.BitmapAdd("disk0", "b0"), new TransactionAction.BitmapAdd("disk0", "off", IsDisabled: true));
    }

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task A_full_backup_equals_the_disk_and_is_named_after_it()
    {
        await _world.BackupAsync("disk0", "t");
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        BlockAssert.Equal(_world.Disk("disk0").Memory.Snapshot(), _world.Target("t").Memory.Snapshot());
        Assert.True(_world.Target("t").IsSealed);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task What_the_guest_has_zeroed_is_zeroed_in_a_part_too_and_stays_a_hole_in_a_full_one()
    {
        await _world.Disk("disk0").Job.Node.DiscardAsync(new BlockRange(0, 64 << 10));
        await _world.BackupAsync("disk0", "part", BackupSync.Incremental, "b0");
        Assert.Equal(1, _world.Target("part").Memory.Counts[BlockOperation.WriteZeroes]);
        await _world.BackupAsync("disk0", "full");
        Assert.Equal(0, _world.Target("full").Memory.Counts[BlockOperation.WriteZeroes]);
    }

    [Fact]
    public async Task Its_moment_is_the_command()
    {
        byte[] before = _world.Disk("disk0").Memory.Snapshot();
        _world.Target("t").Deferred.Immediate.Remove(BlockOperation.Write);
        await _world.BackupAsync("disk0", "t");
        Task writing = _world.Disk("disk0").FillAsync(162 << 10, 512, 0x99).AsTask();
        while (_world.Target("t").Deferred.Pending.Count > 0)
            await _world.Target("t").Deferred.ReleaseAllAsync();
        await writing;
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        BlockAssert.Equal(before, _world.Target("t").Memory.Snapshot());
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_write_that_is_under_way_is_in_it_and_one_that_hangs_fails_it()
    {
        CommandWorld.TestDisk disk = _world.Disk("disk0");
        disk.Source.Immediate.Remove(BlockOperation.Write);
        Task writing = disk.FillAsync(0, 512, 0x99).AsTask();
        Task backup = _world.BackupAsync("disk0", "t");
        Assert.False(backup.IsCompleted);
        Task late = disk.FillAsync(64 << 10, 512, 0x98).AsTask();
        await disk.Source.Pending[0].ReleaseAsync();
        await backup;
        Assert.Equal((0x99, 0), (_world.Target("t").Memory.Snapshot()[0], _world.Target("t").Memory.Snapshot()[64 << 10]));
        JobException refused = await _world.RefusalAsync(async () =>
        {
            Task hanging = _world.BackupAsync("disk0", "u");
            _world.Jobs.Time.Advance(Limits.HoldStill);
            await hanging;
        });
        Assert.Contains("did not end within 500 ms", refused.Message, StringComparison.Ordinal);
        await disk.Source.ReleaseAllAsync();
        await writing;
        await late;
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(BackupSync.Bitmap, null, null, "name one with 'bitmap'")]
    [InlineData(BackupSync.Incremental, null, null, "name one with 'bitmap'")]
    [InlineData(BackupSync.Incremental, "x", BitmapMode.Never, "on-success alone")]
    [InlineData(BackupSync.Incremental, "x", null, "no bitmap 'x'")]
    [InlineData(BackupSync.Bitmap, "x", null, "no bitmap 'x'")]
    [InlineData(BackupSync.Bitmap, "b0", null, "give a bitmap-mode")]
    [InlineData(BackupSync.None, "b0", BitmapMode.Always, "goes without a bitmap")]
    [InlineData(BackupSync.Full, "b0", BitmapMode.Never, "leave the bitmap out")]
    [InlineData(BackupSync.Top, "b0", BitmapMode.Never, "leave the bitmap out")]
    [InlineData(BackupSync.Full, null, BitmapMode.Always, "says nothing without a bitmap")]
    public async Task Arguments_are_refused_in_order(BackupSync sync, string? bitmap, BitmapMode? mode, string why)
    {
        JobException refused = await _world.RefusalAsync(() => _world.BackupAsync("disk0", "t", sync, bitmap, mode));
        Assert.Equal(JobErrorClass.GenericError, refused.Class);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_busy_bitmap_is_refused()
    {
        _world.Disk("disk0").Source.Immediate.Remove(BlockOperation.Read);
        await _world.Disk("disk0").FillAsync(0, 512, 1);
        await _world.BackupAsync("disk0", "t", BackupSync.Incremental, "b0");
        JobException refused = await _world.RefusalAsync(() => _world.BackupAsync("disk0", "u", BackupSync.Incremental, "b0", id: "other"));
        Assert.Contains("bitmap 'b0' of disk 'disk0' is busy", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_or_a_target_that_a_job_uses_is_refused_also_while_that_waits_for_its_end()
    {
        await _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { AutoFinalize = false }, default);
        Assert.Equal(JobStatus.Pending, _world.Jobs.StatusOf("disk0"));
        Assert.Contains(
            "disk 'disk0' is busy", (await _world.RefusalAsync(() => _world.BackupAsync("disk0", "u", id: "other"))).Message, StringComparison.Ordinal);
        Assert.Contains("target 't' is busy", (await _world.RefusalAsync(() => _world.BackupAsync("disk1", "t"))).Message, StringComparison.Ordinal);
        _world.Target("t").IsOpen = true; // The refused one has closed what the test's targets share.
        _world.Jobs.Engine.Finalize("disk0");
        await _world.BackupAsync("disk1", "t");
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(CommandWorld.LengthBytes - 512)]
    [InlineData(CommandWorld.LengthBytes + 512)]
    public async Task A_target_of_another_length_is_refused(long lengthBytes)
    {
        _world.Target("t", lengthBytes);
        Assert.Contains("they must be equal", (await _world.RefusalAsync(() => _world.BackupAsync("disk0", "t"))).Message, StringComparison.Ordinal);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_job_says_what_it_was_asked_for_and_its_epoch()
    {
        _world.Epoch = 7;
        _world.Target("t").IsClusterKnown = false;
        await _world.Commands.BackupAsync(
            CommandWorld.Command("disk0", "t", BackupSync.Incremental, "b0") with { AutoFinalize = false, FilterNodeName = "cbw0" }, default);
        JobBackup backup = _world.Jobs.Engine.Query().Single().Backup!;
        Assert.Equal(("disk0", "t", BackupSync.Incremental, "b0", 7UL, "cbw0"), (backup.Disk, backup.Target, backup.Sync, backup.Bitmap, backup.Epoch,
            backup.FilterNodeName));
        Assert.Contains("does not say in what units", backup.Warning, StringComparison.Ordinal);
        JobException taken = await _world.RefusalAsync(
            () => _world.Commands.BackupAsync(CommandWorld.Command("disk1", "u") with { FilterNodeName = "cbw0" }, default));
        Assert.Contains("node name 'cbw0' is busy", taken.Message, StringComparison.Ordinal);
        _world.Jobs.Engine.Finalize("disk0");
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData("disk1", "is a disk's name")]
    [InlineData("#block7", "is no name of a node")]
    [InlineData("a234567890123456789012345678901x", "is no name of a node")]
    public async Task A_filter_node_has_a_nodes_name(string name, string why)
    {
        JobException refused = await _world.RefusalAsync(
            () => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { FilterNodeName = name }, default));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.False(_world.HasTarget("t"));
    }

    [Fact]
    public async Task Blocks_that_a_guest_uses_are_not_discarded()
    {
        JobException refused = await _world.RefusalAsync(
            () => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { DiscardSource = true }, default));
        Assert.Contains("discard-source would discard blocks that the guest of disk 'disk0' uses", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_can_be_refused_without_a_target_is_refused_before_it_is_opened()
    {
        await _world.RefusalAsync(() => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { MaxWorkers = 0 }, default));
        await _world.RefusalAsync(() => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { SpeedBytesPerSecond = -1 }, default));
        await _world.RefusalAsync(() => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { JobId = "0" }, default));
        Assert.False(_world.HasTarget("t"));
    }

    [Fact]
    public async Task A_disk_that_is_not_there_is_another_class_of_error()
    {
        JobException refused = await _world.RefusalAsync(() => _world.BackupAsync("disk7", "t"));
        Assert.Equal((JobErrorClass.DeviceNotFound, "there is no disk 'disk7'; it is one of disk0, disk1"), (refused.Class, refused.Message));
    }

    [Fact]
    public async Task The_disk_itself_is_no_target()
    {
        Assert.Contains("is the disk itself", (await _world.RefusalAsync(() => _world.BackupAsync("disk0", "/disks/disk0"))).Message, StringComparison.Ordinal);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_target_that_is_to_be_there_and_is_not_is_refused()
    {
        JobException refused = await _world.RefusalAsync(
            () => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { Mode = TargetMode.Existing }, default));
        Assert.Equal("t does not exist", refused.Message);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(0, 0, 0, "max-workers must be 1 or more")]
    [InlineData(1, -1, 0, "max-chunk must be 0 or more")]
    [InlineData(1, 4096, 0, "is less than what is copied at once")]
    [InlineData(1, 0, 65537, "power of two")]
    public async Task Tuning_out_of_range_is_refused(int workers, long chunk, long cluster, string why)
    {
        JobException refused = await _world.RefusalAsync(() => _world.Commands.BackupAsync(
            CommandWorld.Command("disk0", "t") with { MaxWorkers = workers, MaxChunkBytes = chunk, MinClusterBytes = cluster }, default));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_negative_speed_and_a_name_that_is_taken_leave_nothing()
    {
        await _world.RefusalAsync(() => _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { SpeedBytesPerSecond = -1 }, default));
        _world.CheckNothingIsLeft();
        await _world.Commands.BackupAsync(CommandWorld.Command("disk1", "u") with { AutoDismiss = false, JobId = "mine" }, default);
        await _world.RefusalAsync(() => _world.BackupAsync("disk0", "t", id: "mine"));
        _world.Jobs.Engine.Dismiss("mine");
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(32 << 10)]
    [InlineData(64 << 10)]
    [InlineData(128 << 10)]
    public async Task A_chain_of_a_full_backup_and_incrementals_equals_the_disk_at_each_of_its_moments(int granularity)
    {
        CommandWorld.TestDisk disk = _world.Disk("disk0");
        await _world.TransactAsync(
            false, new TransactionAction.BitmapAdd("disk0", "chain", granularity),
            new TransactionAction.Backup(CommandWorld.Command("disk0", "full")));
        byte[] chain = _world.Target("full").Memory.Snapshot();
        await _world.BackupAsync("disk0", "empty", BackupSync.Incremental, "chain");
        Assert.Equal(0, _world.Target("empty").Memory.Counts[BlockOperation.Write]);
        (long Offset, int Length, byte Value)[][] batches =
        [
            [(0, 512, 0xAB), (1 << 20, 256 << 10, 0xFE), (2016 << 10, 64 << 10, 0x64)],
            [(0, 512, 0x9A), (512 << 10, 352 << 10, 0x55), (3 << 20, 1 << 20, 0x78), (CommandWorld.LengthBytes - 100, 100, 0x56)],
        ];
        for (int batch = 0; batch < batches.Length; batch++)
        {
            foreach ((long offset, int length, byte value) in batches[batch])
                await disk.FillAsync(offset, length, value);
            await _world.BackupAsync("disk0", $"inc{batch}", BackupSync.Incremental, "chain");
            Assert.Equal((0, 0), (_world.Jobs.ResultOf("disk0"), _world.Bitmap("disk0", "chain").CountBytes));
            chain = await _world.Target($"inc{batch}").OverAsync(chain);
            BlockAssert.Equal(disk.Memory.Snapshot(), chain);
        }

        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task An_incremental_that_fails_leaves_its_blocks_to_the_next_one()
    {
        CommandWorld.TestDisk disk = _world.Disk("disk0");
        byte[] full = disk.Memory.Snapshot();
        await _world.TransactAsync(false, new TransactionAction.BitmapClear("disk0", "b0"));
        await disk.FillAsync(1 << 20, 512, 0xAB);
        disk.Source.Immediate.Remove(BlockOperation.Read);
        await _world.BackupAsync("disk0", "failed", BackupSync.Incremental, "b0");
        await disk.FillAsync(2 << 20, 512, 0xCD);
        disk.Source.Pending[0].Fail();
        Assert.Equal(Errno.EIO, _world.Jobs.ResultOf("disk0"));
        disk.Source.Immediate.Add(BlockOperation.Read);
        Assert.Equal(128 << 10, _world.Bitmap("disk0", "b0").CountBytes);
        await _world.BackupAsync("disk0", "inc", BackupSync.Incremental, "b0");
        BlockAssert.Equal(disk.Memory.Snapshot(), await _world.Target("inc").OverAsync(full));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task One_that_an_error_has_stopped_shows_its_frozen_bitmap_and_ends_well_when_it_is_resumed()
    {
        CommandWorld.TestDisk disk = _world.Disk("disk0");
        await disk.FillAsync(1 << 20, 512, 0xAB);
        disk.Source.Immediate.Remove(BlockOperation.Read);
        await _world.Commands.BackupAsync(
            CommandWorld.Command("disk0", "t", BackupSync.Incremental, "b0") with { OnSourceError = ErrorPolicy.Stop }, default);
        disk.Source.Pending[0].Fail();
        Assert.Contains("disk0: read failed, stop", _world.Jobs.Told);
        Assert.Equal((64 << 10, true), (_world.Bitmap("disk0", "b0").CountBytes, _world.Bitmap("disk0", "b0").IsBusy));
        disk.Source.Immediate.Add(BlockOperation.Read);
        _world.Jobs.Engine.Resume("disk0");
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        Jobs.Bitmaps.BitmapInfo ended = _world.Bitmap("disk0", "b0");
        Assert.Equal((0, false, true), (ended.CountBytes, ended.IsBusy, ended.IsRecording));
        await BlockAssert.FilledAsync(_world.Target("t").Memory, new BlockRange(1 << 20, 512), 0xAB);
        _world.CheckNothingIsLeft();
    }
}
