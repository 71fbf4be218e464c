using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Tests.Commands;

/// <summary>The dry run of a transaction: every action's error, and nothing else.</summary>
public sealed class CommandRehearsalTests : IAsyncLifetime
{
    private CommandWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await CommandWorld.CreateAsync("disk0", "disk1");
        await _world.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "b0", IsPersistent: true));
        await _world.Disk("disk0").FillAsync(0, 512, 0x41);
    }

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task A_transaction_that_would_succeed_has_no_error_and_leaves_no_trace()
    {
        IReadOnlyList<BitmapInfo> before = _world.Bitmaps.Query("disk0");
        string[] files = [.. _world.Files.List()];
        int told = _world.Jobs.Told.Count;
        Assert.Empty(await CheckAsync(
            new TransactionAction.BitmapAdd("disk0", "new"),
            new TransactionAction.BitmapMerge("disk0", "new", [("disk0", "b0")]),
            new TransactionAction.Backup(CommandWorld.Command("disk0", "t", BackupSync.Bitmap, "new", BitmapMode.Never)),
            new TransactionAction.BitmapClear("disk0", "b0")));
        Assert.Equal(before, _world.Bitmaps.Query("disk0"));
        Assert.Equal(files, _world.Files.List());
        Assert.Equal(told, _world.Jobs.Told.Count);
        Assert.False(_world.HasTarget("t"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Every_action_that_would_be_refused_is_told_of_not_only_the_first()
    {
        IReadOnlyList<TransactionFault> faults = await CheckAsync(
            new TransactionAction.BitmapAdd("disk0", "odd", 64000),
            new TransactionAction.Backup(CommandWorld.Command("disk7", "t")),
            new TransactionAction.BitmapRemove("disk0", "none"),
            new TransactionAction.BitmapAdd("disk1", "fine"),
            new TransactionAction.Backup(CommandWorld.Command("disk0", "/disks/disk0", BackupSync.Incremental) with { SpeedBytesPerSecond = -1 }),
            new TransactionAction.Abort());
        Assert.Equal([0, 1, 2, 4, 4, 4, 5], faults.Select(fault => fault.Action));
        Assert.Equal(JobErrorClass.DeviceNotFound, faults[1].Class);
        Assert.All(
            faults.Zip(["power of two", "no disk 'disk7'", "no bitmap 'none'", "name one with 'bitmap'", "speed of -1", "is the disk itself", "abort action"]),
            pair => Assert.Contains(pair.Second, pair.First.Message, StringComparison.Ordinal));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Two_backups_that_exclude_each_other_are_an_error_of_the_second()
    {
        IReadOnlyList<TransactionFault> faults = await CheckAsync(
            new TransactionAction.Backup(CommandWorld.Command("disk0", "t")), new TransactionAction.Backup(CommandWorld.Command("disk0", "t")));
        Assert.All(faults, fault => Assert.Equal(1, fault.Action));
        Assert.Equal(3, faults.Count);
        await _world.BackupAsync("disk0", "t");
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task What_a_running_job_holds_is_an_error_and_stays_held()
    {
        await _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t", BackupSync.Incremental, "b0") with { AutoFinalize = false }, default);
        IReadOnlyList<TransactionFault> faults = await CheckAsync(
            new TransactionAction.Backup(CommandWorld.Command("disk0", "t", id: "other")), new TransactionAction.BitmapClear("disk0", "b0"));
        Assert.Equal([0, 0, 1], faults.Select(fault => fault.Action));
        await _world.RefusalAsync(() => _world.BackupAsync("disk0", "u", id: "other"));
        _world.Jobs.Engine.Finalize("disk0");
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Two_checkpoints_and_one_without_a_pair_are_refused()
    {
        Assert.Contains("no pair", Assert.Single(await CheckAsync(new TransactionAction.Checkpoint())).Message, StringComparison.Ordinal);
        JobException refused = await Assert.ThrowsAsync<JobException>(() => CheckAsync(new TransactionAction.Checkpoint(), new TransactionAction.Checkpoint()));
        Assert.Contains("one checkpoint at most", refused.Message, StringComparison.Ordinal);
    }

    private Task<IReadOnlyList<TransactionFault>> CheckAsync(params TransactionAction[] actions) => _world.Commands.CheckAsync(actions, default);
}
