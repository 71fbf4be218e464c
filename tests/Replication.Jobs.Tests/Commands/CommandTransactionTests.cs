using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Jobs.Tests.Commands;

/// <summary>Several actions at one moment: all of them or none.</summary>
public sealed class CommandTransactionTests : IAsyncLifetime
{
    private CommandWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await CommandWorld.CreateAsync("disk0", "disk1");
        await _world.TransactAsync(
            false, new TransactionAction.BitmapAdd("disk0", "b0"), new TransactionAction.BitmapAdd("disk1", "b0"));
        await _world.Disk("disk0").FillAsync(0, 512, 0x41);
        await _world.Disk("disk1").FillAsync(1 << 20, 32 << 10, 0xD5);
    }

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task Backups_of_several_disks_have_one_moment()
    {
        await _world.TransactAsync(true, Backup("disk0"), Backup("disk1"));
        Assert.All(["disk0", "disk1"], disk =>
        {
            Assert.Equal(0, _world.Jobs.ResultOf(disk));
            BlockAssert.Equal(_world.Disk(disk).Memory.Snapshot(), _world.Target($"{disk}.t").Memory.Snapshot());
            Assert.Equal(0, _world.Bitmap(disk, "b0").CountBytes);
        });
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task One_that_fails_takes_the_others_bitmaps_back_and_the_next_time_all_succeed()
    {
        byte[][] full = [new byte[CommandWorld.LengthBytes], new byte[CommandWorld.LengthBytes]];
        CommandWorld.TestDisk failing = _world.Disk("disk1");
        failing.Source.Immediate.Remove(BlockOperation.Read);
        await _world.TransactAsync(true, Incremental("disk0", "x0"), Incremental("disk1", "x1"));
        Assert.Equal(JobStatus.Waiting, _world.Jobs.StatusOf("disk0"));
        failing.Source.Pending[0].Fail();
        Assert.Equal((Errno.ECANCELED, Errno.EIO), (_world.Jobs.ResultOf("disk0"), _world.Jobs.ResultOf("disk1")));
        Assert.Single(_world.Jobs.Told, "disk1: read failed, report");
        Assert.False(_world.Target("x0").IsSealed);
        Assert.All(["disk0", "disk1"], disk => Assert.Equal(64 << 10, _world.Bitmap(disk, "b0").CountBytes));
        _world.CheckNothingIsLeft();
        failing.Source.Immediate.Add(BlockOperation.Read);
        await _world.TransactAsync(true, Incremental("disk0", "y0"), Incremental("disk1", "y1"));
        BlockAssert.Equal(_world.Disk("disk0").Memory.Snapshot(), await _world.Target("y0").OverAsync(full[0]));
        BlockAssert.Equal(_world.Disk("disk1").Memory.Snapshot(), await _world.Target("y1").OverAsync(full[1]));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task No_target_is_opened_where_a_later_action_is_refused_without_one()
    {
        TransactionAction again = new TransactionAction.Backup(CommandWorld.Command("disk1", "second", id: "disk0"));
        TransactionAction unknown = new TransactionAction.Backup(CommandWorld.Command("disk1", "second", BackupSync.Incremental, "nope"));
        foreach (TransactionAction refused in new[] { again, unknown })
            await _world.RefusalAsync(() => _world.TransactAsync(true, Backup("disk0"), refused));
        Assert.False(_world.HasTarget("disk0.t"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_backup_without_a_bitmap_that_outlives_the_node_waits_for_no_record()
    {
        int records = 0;
        _world.OnRecord = () => records++;
        await _world.BackupAsync("disk0", "disk0.t");
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        Assert.Equal(0, records);
        await _world.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "kept", IsPersistent: true));
        Assert.Equal(1, records);
    }

    [Fact]
    public async Task A_write_that_waited_for_a_transaction_that_is_refused_is_marked()
    {
        await _world.TransactAsync(false, new TransactionAction.BitmapClear("disk0", "b0"));
        Task? write = null;
        _world.AtMoment = () => write ??= _world.Disk("disk0").FillAsync(2 << 20, 512, 0x77).AsTask();
        await _world.RefusalAsync(() => _world.TransactAsync(false, Incremental("disk0", "x0"), new TransactionAction.Abort()));
        await write!;
        Assert.Equal(64 << 10, _world.Bitmap("disk0", "b0").CountBytes);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task One_with_nothing_to_copy_is_cancelled_with_the_one_that_fails()
    {
        await _world.TransactAsync(false, new TransactionAction.BitmapClear("disk0", "b0"));
        _world.Disk("disk1").Source.Immediate.Remove(BlockOperation.Read);
        await _world.TransactAsync(true, Incremental("disk0", "x0"), Incremental("disk1", "x1"));
        _world.Disk("disk1").Source.Pending[0].Fail();
        Assert.Equal((Errno.ECANCELED, Errno.EIO), (_world.Jobs.ResultOf("disk0"), _world.Jobs.ResultOf("disk1")));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Individual_jobs_end_each_on_its_own()
    {
        _world.Disk("disk1").Source.Immediate.Remove(BlockOperation.Read);
        await _world.TransactAsync(false, Incremental("disk0", "x0"), Incremental("disk1", "x1"));
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        _world.Disk("disk1").Source.Pending[0].Fail();
        Assert.Equal(Errno.EIO, _world.Jobs.ResultOf("disk1"));
        Assert.Equal((0, 64 << 10), (_world.Bitmap("disk0", "b0").CountBytes, _world.Bitmap("disk1", "b0").CountBytes));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Two_bitmaps_that_one_transaction_clears_lead_to_equal_chains()
    {
        CommandWorld.TestDisk disk = _world.Disk("disk0");
        await _world.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "b1"));
        await disk.FillAsync(2 << 20, 512, 0x77);
        await _world.TransactAsync(
            true, new TransactionAction.BitmapClear("disk0", "b0"), new TransactionAction.BitmapClear("disk0", "b1"), Backup("disk0"));
        byte[] full = _world.Target("disk0.t").Memory.Snapshot();
        await disk.FillAsync(3 << 20, 100, 0x78);
        await _world.BackupAsync("disk0", "i0", BackupSync.Incremental, "b0");
        await _world.BackupAsync("disk0", "i1", BackupSync.Incremental, "b1");
        byte[] now = disk.Memory.Snapshot();
        BlockAssert.Equal(now, await _world.Target("i0").OverAsync(full));
        BlockAssert.Equal(now, await _world.Target("i1").OverAsync(full));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_abort_takes_everything_back(bool isGrouped)
    {
        IReadOnlyList<Jobs.Bitmaps.BitmapInfo> before = _world.Bitmaps.Query("disk0");
        JobException refused = await _world.RefusalAsync(() => _world.TransactAsync(
            isGrouped,
            new TransactionAction.BitmapAdd("disk0", "new"),
            new TransactionAction.BitmapMerge("disk0", "new", [("disk1", "b0")]),
            Incremental("disk0", "t"),
            new TransactionAction.BitmapClear("disk1", "b0"),
            new TransactionAction.BitmapDisable("disk1", "b0"),
            new TransactionAction.Abort()));
        Assert.Contains("abort action", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, _world.Bitmaps.Query("disk0"));
        Assert.Equal((64 << 10, true), (_world.Bitmap("disk1", "b0").CountBytes, _world.Bitmap("disk1", "b0").IsRecording));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_backup_may_go_by_a_bitmap_that_the_same_transaction_makes()
    {
        await _world.TransactAsync(
            false,
            new TransactionAction.BitmapAdd("disk0", "copy", IsDisabled: true),
            new TransactionAction.BitmapMerge("disk0", "copy", [("disk0", "b0")]),
            new TransactionAction.Backup(CommandWorld.Command("disk0", "t", BackupSync.Bitmap, "copy", BitmapMode.Never)));
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        Assert.Equal((64 << 10, 64 << 10), (_world.Bitmap("disk0", "copy").CountBytes, _world.Bitmap("disk0", "b0").CountBytes));
        await BlockAssert.FilledAsync(_world.Target("t").Memory, new BlockRange(0, 512), 0x41);
        _world.CheckNothingIsLeft();
    }

    private static TransactionAction.Backup Backup(string disk) => new(CommandWorld.Command(disk, $"{disk}.t", BackupSync.Full, "b0", BitmapMode.OnSuccess));

    private static TransactionAction.Backup Incremental(string disk, string target) => new(CommandWorld.Command(disk, target, BackupSync.Incremental, "b0"));
}
