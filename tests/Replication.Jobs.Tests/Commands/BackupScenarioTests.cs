using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Jobs.Tests.Commands;

/// <summary>The life of a backup as its verbs see it: alone, and as an action of a transaction.</summary>
public sealed class BackupScenarioTests : IAsyncLifetime
{
    private CommandWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await CommandWorld.CreateAsync("disk0", "disk1");
        await _world.Disk("disk0").FillAsync(0, 64 << 10, 0x11);
        await _world.Disk("disk0").FillAsync(162 << 10, 32 << 10, 0x22);
        await _world.Disk("disk0").FillAsync(1 << 20, 32 << 10, 0xD5);
    }

    public ValueTask DisposeAsync() => default;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cancelled_one_says_so_and_leaves_the_disk_as_it_is(bool inTransaction)
    {
        byte[] before = _world.Disk("disk0").Memory.Snapshot();
        await BeginSlowlyAsync(inTransaction);
        _world.Jobs.Engine.Cancel("disk0");
        await EndedAsync();
        Assert.Contains("disk0: cancelled", _world.Jobs.Told);
        Assert.Equal(Errno.ECANCELED, _world.Jobs.ResultOf("disk0"));
        BlockAssert.Equal(before, _world.Disk("disk0").Memory.Snapshot());
        Assert.False(_world.Target("t").IsSealed);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_paused_one_does_not_move_and_is_identical_when_it_is_resumed(bool inTransaction)
    {
        byte[] before = _world.Disk("disk0").Memory.Snapshot();
        await BeginSlowlyAsync(inTransaction);
        _world.Jobs.Engine.Pause("disk0");
        _world.Jobs.Time.Advance(Limits.PaceStep);
        await Eventually.TrueAsync(() => _world.Jobs.StatusOf("disk0") == JobStatus.Paused);
        JobInfo paused = _world.Jobs.Engine.Query().Single();
        Assert.Equal((JobStatus.Paused, true), (paused.Status, paused.OffsetBytes < paused.LengthBytes));
        _world.Jobs.Time.Advance(TimeSpan.FromHours(1));
        await _world.Disk("disk0").FillAsync(3 << 20, 512, 0x99);
        Assert.Equal(JobStatus.Paused, _world.Jobs.StatusOf("disk0"));
        _world.Jobs.Engine.SetSpeed("disk0", 0);
        _world.Jobs.Engine.Resume("disk0");
        await EndedAsync();
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        BlockAssert.Equal(before, _world.Target("t").Memory.Snapshot());
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Its_speed_is_none_by_default_and_shown_when_it_is_given_or_set()
    {
        await _world.Commands.BackupAsync(CommandWorld.Command("disk1", "u") with { AutoDismiss = false }, default);
        Assert.Equal(0, _world.Jobs.Engine.Query().Single().SpeedBytesPerSecond);
        _world.Jobs.Engine.Dismiss("disk1");
        await _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { SpeedBytesPerSecond = 4 << 20 }, default);
        Assert.Equal(4 << 20, _world.Jobs.Engine.Query().Single().SpeedBytesPerSecond);
        _world.Jobs.Engine.SetSpeed("disk0", 8 << 20);
        Assert.Equal(8 << 20, _world.Jobs.Engine.Query().Single().SpeedBytesPerSecond);
        Assert.Throws<JobException>(() => _world.Jobs.Engine.SetSpeed("disk0", -1));
        Assert.Equal((8 << 20, JobStatus.Running), (_world.Jobs.Engine.Query().Single().SpeedBytesPerSecond, _world.Jobs.StatusOf("disk0")));
        _world.Jobs.Engine.Cancel("disk0");
        await EndedAsync();
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task What_is_refused_alone_is_refused_as_an_action_and_takes_the_others_with_it()
    {
        BackupCommand[] refused =
        [
            CommandWorld.Command("disk7", "t"),
            CommandWorld.Command("disk0", "none") with { Mode = TargetMode.Existing },
            CommandWorld.Command("disk0", "/disks/disk0"),
            CommandWorld.Command("disk0", "short"),
            CommandWorld.Command("disk0", "t") with { SpeedBytesPerSecond = -1 },
        ];
        _world.Target("short", CommandWorld.LengthBytes - 512);
        foreach (BackupCommand command in refused)
        {
            JobException alone = await _world.RefusalAsync(() => _world.Commands.BackupAsync(command, default));
            JobException action = await _world.RefusalAsync(() => _world.TransactAsync(
                false, new TransactionAction.Backup(CommandWorld.Command("disk1", "u")), new TransactionAction.Backup(command)));
            Assert.Equal((alone.Class, alone.Message), (action.Class, action.Message));
            _world.CheckNothingIsLeft();
        }
    }

    [Theory]
    [InlineData(TargetMode.Existing)]
    [InlineData(TargetMode.AbsolutePaths)]
    public async Task A_backup_that_is_followed_by_an_abort_leaves_no_job(TargetMode mode)
    {
        _world.Target("t");
        _world.Target("u");
        await _world.RefusalAsync(() => _world.TransactAsync(
            false,
            new TransactionAction.Backup(CommandWorld.Command("disk0", "t") with { Mode = mode }),
            new TransactionAction.Backup(CommandWorld.Command("disk1", "u") with { Mode = TargetMode.Existing }),
            new TransactionAction.Abort()));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task The_top_of_a_disk_that_has_nothing_below_it_is_all_of_it()
    {
        await _world.BackupAsync("disk0", "t", BackupSync.Top);
        Assert.Equal(0, _world.Jobs.ResultOf("disk0"));
        BlockAssert.Equal(_world.Disk("disk0").Memory.Snapshot(), _world.Target("t").Memory.Snapshot());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_kernel_copies_where_that_is_asked_for(bool isAsked)
    {
        await _world.Commands.BackupAsync(CommandWorld.Command("disk0", "t") with { UseCopyRange = isAsked }, default);
        Assert.Equal(isAsked ? 1 : 0, _world.OffloadsAsked);
        BlockAssert.Equal(_world.Disk("disk0").Memory.Snapshot(), _world.Target("t").Memory.Snapshot());
    }

    /// <summary>A wait for the speed ends on another thread.</summary>
    private Task EndedAsync() => Eventually.TrueAsync(() =>
        _world.Jobs.Engine.Query().Count == 0 && _world.Jobs.Running.TrueForAll(piece => piece.Task.IsCompleted));

    private Task BeginSlowlyAsync(bool inTransaction)
    {
        BackupCommand command = CommandWorld.Command("disk0", "t") with { SpeedBytesPerSecond = 1 };
        return inTransaction
            ? _world.TransactAsync(true, new TransactionAction.Backup(command))
            : _world.Commands.BackupAsync(command, default);
    }
}
