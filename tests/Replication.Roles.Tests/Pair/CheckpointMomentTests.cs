using Replication.Block;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Roles.Primary;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A checkpoint as an action of a transaction: the jobs' moment is the pair's cut, or nothing happens.</summary>
public sealed class CheckpointMomentTests
{
    private static readonly BlockRange s_block = new(0, 4096);

    [Fact]
    public async Task A_backup_with_a_checkpoint_holds_what_the_secondary_shows_from_then_on()
    {
        await using TestPair pair = await TestPair.StartedAsync(disks: 2);
        AddTargets(pair);
        await pair.Primary.Jobs.Commands.TransactAsync([new TransactionAction.BitmapAdd("disk1", "b")], false, default);
        await WriteAsync(pair, 0x21);
        await pair.Primary.Jobs.Commands.TransactAsync(
            [Backup("disk0"), new TransactionAction.Checkpoint(), Backup("disk1", "b")], isGrouped: true, default);
        Assert.Equal((2UL, 2UL), (pair.Primary.GetStatus().Epoch, pair.Secondary!.GetStatus().Epoch));
        Assert.All(pair.Primary.Jobs.Engine.Query(), job => Assert.Equal(2UL, job.Backup!.Epoch));
        await WriteAsync(pair, 0x22);
        foreach (string disk in (string[])["disk0", "disk1"])
            await Eventually.TrueAsync(() => pair.Primary.Jobs.Engine.Query().Single(job => job.Id == disk).Status == JobStatus.Pending);
        pair.Primary.Jobs.Engine.Finalize("disk0");
        await EndedAsync(pair);
        for (int i = 0; i < 2; i++)
        {
            await BlockAssert.FilledAsync(pair.Targets[$"t-disk{i}"], s_block, 0x21);
            await BlockAssert.SameAsync(pair.View(i), pair.Targets[$"t-disk{i}"]);
        }

        Assert.Equal(64 << 10, pair.Primary.Jobs.QueryBitmaps("disk1").Single().CountBytes);
    }

    [Fact]
    public async Task Without_a_checkpoint_a_backup_says_the_epoch_that_it_fell_into()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        AddTargets(pair);
        await pair.CheckpointAsync();
        await pair.Primary.Jobs.Commands.TransactAsync([Backup("disk0")], false, default);
        Assert.Equal(2UL, pair.Primary.Jobs.Engine.Query().Single().Backup!.Epoch);
    }

    [Fact]
    public async Task A_commit_that_the_secondary_refuses_leaves_no_job_and_the_bitmaps_as_they_were()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await AddMarkedBitmapAsync(pair);
        IReadOnlyList<BitmapInfo> before = pair.Primary.Jobs.QueryBitmaps("disk0");
        pair.SecondaryFaults.Add("node=record op=write count=1 error=EIO");
        await RefusedAsync(pair, "epoch 1 stays in force");
        Assert.Equal((1UL, 1UL), (pair.Primary.GetStatus().Epoch, pair.Secondary!.GetStatus().Epoch));
        Assert.Equal(before, pair.Primary.Jobs.QueryBitmaps("disk0"));
        await WriteAsync(pair, 0x22);
        Assert.Equal(2UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task A_commit_whose_reply_is_lost_leaves_no_job_and_says_that_the_checkpoint_may_have_been_made()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await AddMarkedBitmapAsync(pair);
        pair.ToSecondary.LoseReplyOf = nameof(IReplicationPeer.CommitCheckpointAsync);
        await RefusedAsync(pair);
        Assert.Equal((2UL, 2UL), (pair.Primary.GetStatus().Epoch, pair.Secondary!.GetStatus().Epoch));
        Assert.Equal(64 << 10, pair.Primary.Jobs.QueryBitmaps("disk0").Single().CountBytes);
        await WriteAsync(pair, 0x22);
        Assert.Equal(3UL, await pair.CheckpointAsync());
    }

    [Fact]
    public async Task Somebody_elses_checkpoint_is_not_joined()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, TimeSpan.FromMinutes(1), default);
        await RefusedAsync(pair, "the checkpoint to epoch 2 has not ended");
        await pair.Secondary!.CommitCheckpointAsync(begun.ToCommit(), default);
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Committed, default);
        Assert.Equal(2UL, pair.Primary.GetStatus().Epoch);
    }

    [Fact]
    public async Task A_hold_that_ends_before_the_disks_stand_still_is_no_moment()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        PrimaryRole role = pair.Primary.Jobs.Primary!;
        List<string> called = [];
        var moment = new CheckpointMoment(
            async epoch =>
            {
                called.Add("prepare");
                await role.EndCheckpointAsync(epoch, CheckpointOutcome.Aborted, default);
                await WriteAsync(pair, 0x44);
            },
            () => called.Add("commit"),
            () => called.Add("release"));
        VerbException refused = await Assert.ThrowsAsync<VerbException>(() => role.CheckpointAsync(moment, default));
        Assert.Contains("ended before everything stood still", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["prepare", "release"], called);
        Assert.Equal(1UL, pair.Secondary!.GetStatus().Epoch);
    }

    [Fact]
    public async Task A_secondary_and_a_primary_without_one_refuse_it()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        Assert.Contains(
            "checkpoint is refused: it is the primary's",
            Assert.Single(await pair.Secondary!.Jobs.Commands.CheckAsync([new TransactionAction.Checkpoint()], default)).Message,
            StringComparison.Ordinal);
        await RefusedAsync(pair, "checkpoint is refused: the primary is standalone");
    }

    private static TransactionAction.Backup Backup(string disk, string? bitmap = null) => new(new BackupCommand
    {
        Device = disk,
        Target = $"t-{disk}",
        Sync = BackupSync.Full,
        Bitmap = bitmap,
        BitmapMode = bitmap is null ? null : BitmapMode.OnSuccess,
        AutoFinalize = false,
    });

    private static async Task AddMarkedBitmapAsync(TestPair pair)
    {
        await pair.Primary.Jobs.Commands.TransactAsync([new TransactionAction.BitmapAdd("disk0", "b", IsPersistent: true)], false, default);
        await WriteAsync(pair, 0x21);
    }

    private static async Task WriteAsync(TestPair pair, byte value)
    {
        for (int i = 0; i < pair.PrimaryDisks.Length; i++)
            await pair.Guest(i).WriteAsync(s_block.OffsetBytes, Enumerable.Repeat(value, (int)s_block.LengthBytes).ToArray());
    }

    private static void AddTargets(TestPair pair)
    {
        foreach (MemoryNode disk in pair.PrimaryDisks)
            pair.Targets.TryAdd($"t-{disk.Name}", new MemoryNode(disk.LengthBytes, $"t-{disk.Name}"));
    }

    private static async Task RefusedAsync(TestPair pair, string why = "")
    {
        AddTargets(pair);
        JobException refused = await Assert.ThrowsAsync<JobException>(() => pair.Primary.Jobs.Commands.TransactAsync(
            [new TransactionAction.BitmapAdd("disk0", "new"), Backup("disk0"), new TransactionAction.Checkpoint()], false, default));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Empty(pair.Primary.Jobs.Engine.Query());
    }

    private static Task EndedAsync(TestPair pair) => Eventually.TrueAsync(() => pair.Primary.Jobs.Engine.Query().Count == 0);
}
