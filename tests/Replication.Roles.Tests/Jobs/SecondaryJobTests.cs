using Replication.Block;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Roles.Tests.Pair;
using Replication.Testing;

namespace Replication.Roles.Tests.Jobs;

/// <summary>Backups and bitmaps on a secondary: of its guest's view, and of its disk.</summary>
public sealed class SecondaryJobTests
{
    private const int Block = TestPair.BlockBytes;

    private static readonly TransactionAction.BitmapAdd s_add = new(JobPair.View, "b", Block, IsPersistent: true);

    [Fact]
    public async Task A_backup_of_the_view_shows_its_moment_whatever_mirror_guest_and_checkpoints_do()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        await pair.SecondaryGuest.FillAsync(Blocks(3, 2), 0x31);
        await pair.Guest.FillAsync(Blocks(8, 4), 0x21);
        byte[] moment = await pair.ViewAsync();
        HeldTarget target = await pair.BackupAsync(JobPair.View, "full", isHeld: true, workers: 1);
        await target.WaitForWritesAsync();

        // The guest's write waits for its copy; the mirror's waits for nobody.
        Task guest = pair.SecondaryGuest.FillAsync(Blocks(40, 1), 0x32);
        await target.WaitForWritesAsync(2);
        Assert.False(guest.IsCompleted);
        await pair.Guest.FillAsync(Blocks(50, 4), 0x22);
        await target.Pending[^1].ReleaseAsync();
        await guest;
        for (byte epoch = 1; epoch <= 3; epoch++)
        {
            await pair.Pair.CheckpointAsync();
            await pair.Guest.FillAsync(new BlockRange(0, JobPair.LengthBytes), (byte)(0x40 + epoch));
            await pair.SecondaryGuest.FillAsync(Blocks(epoch, 1), 0x33);
        }

        Assert.Single(target.Pending);
        await target.LetGoAsync();
        await pair.EndedAsync(target);
        Assert.True(target.IsSealed);
        BlockAssert.Equal(moment, target.Memory.Snapshot());
    }

    [Fact]
    public async Task A_guests_write_after_a_checkpoint_asks_no_backup_of_an_older_view()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        HeldTarget target = await pair.BackupAsync(JobPair.View, "full", isHeld: true, workers: 1);
        await target.WaitForWritesAsync();
        await pair.Pair.CheckpointAsync();
        await pair.SecondaryGuest.FillAsync(Blocks(20, 2), 0x31);
        Assert.Single(target.Pending);
        await target.LetGoAsync();
        await pair.EndedAsync(target);
        Assert.All(target.Memory.Snapshot(), value => Assert.Equal(0x11, value));
    }

    [Fact]
    public async Task A_bitmap_of_the_view_leads_to_equal_chains_over_checkpoints()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        byte[] chain = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        int step = 0;
        foreach (Func<Task> change in Changes(pair))
        {
            await change();
            HeldTarget part = await pair.BackedUpAsync(JobPair.View, $"part{step++}", BackupSync.Incremental, "b");
            chain = part.Over(chain);
            BlockAssert.Equal(await pair.ViewAsync(), chain);
        }
    }

    [Fact]
    public async Task What_the_mirror_wrote_before_a_bitmap_was_cleared_is_marked_for_the_checkpoint_that_shows_it()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        await pair.TransactAsync(s_add);
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        await pair.SecondaryGuest.FillAsync(Blocks(9, 1), 0x31);
        byte[] chain = (await pair.BackedUpAsync(
            JobPair.View, "full", before: new TransactionAction.BitmapClear(JobPair.View, "b"))).Memory.Snapshot();
        await pair.Pair.CheckpointAsync();
        Assert.Equal(2 * Block, pair.Bitmap(JobPair.View, "b").CountBytes);
        chain = (await pair.BackedUpAsync(JobPair.View, "part", BackupSync.Incremental, "b")).Over(chain);
        BlockAssert.Equal(await pair.ViewAsync(), chain);
        // The checkpoint has shown them, and nothing else waits for the next one.
        Assert.Equal(0, pair.Bitmap(JobPair.View, "b").CountBytes);
    }

    [Fact]
    public async Task A_bitmap_that_is_enabled_again_marks_what_the_next_checkpoint_shows()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        await pair.TransactAsync(s_add, new TransactionAction.BitmapDisable(JobPair.View, "b"));
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        Assert.Equal(0, pair.Bitmap(JobPair.View, "b").CountBytes);
        Assert.Empty(await pair.Jobs.Commands.CheckAsync([new TransactionAction.BitmapEnable(JobPair.View, "b")], default));
        Assert.Equal(0, pair.Bitmap(JobPair.View, "b").CountBytes);
        await pair.TransactAsync(new TransactionAction.BitmapEnable(JobPair.View, "b"));
        Assert.Equal(Block, pair.Bitmap(JobPair.View, "b").CountBytes);
    }

    [Fact]
    public async Task A_failed_incremental_of_the_view_gives_its_marks_back_beside_those_of_checkpoints_since()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        byte[] chain = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        await pair.Pair.CheckpointAsync();
        HeldTarget failed = await pair.BackupAsync(JobPair.View, "failed", BackupSync.Incremental, "b", isHeld: true);
        await failed.WaitForWritesAsync();
        await pair.Guest.FillAsync(Blocks(9, 1), 0x22);
        await pair.Pair.CheckpointAsync();
        failed.Pending[0].Fail();
        await pair.EndedAsync(failed);
        Assert.False(failed.IsSealed);
        await Eventually.TrueAsync(() => !pair.Bitmap(JobPair.View, "b").IsBusy);
        chain = (await pair.BackedUpAsync(JobPair.View, "part", BackupSync.Incremental, "b")).Over(chain);
        BlockAssert.Equal(await pair.ViewAsync(), chain);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_bitmap_of_the_view_survives_a_restart_and_a_kill_between_the_mirrors_write_and_its_checkpoint(bool kills)
    {
        await using JobPair pair = await JobPair.StartedAsync();
        byte[] chain = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        await pair.SecondaryGuest.FillAsync(Blocks(6, 1), 0x31);
        if (kills)
            await pair.Pair.KillSecondaryAsync();
        else
            await pair.Pair.RestartSecondaryAsync();
        await BlockAssert.FilledAsync(pair.SecondaryGuest, Blocks(6, 1), 0x31);
        await pair.ReconnectAsync();
        chain = (await pair.BackedUpAsync(JobPair.View, "part", BackupSync.Incremental, "b")).Over(chain);
        BlockAssert.Equal(await pair.ViewAsync(), chain);
        Assert.Equal(0x21, chain[5 * Block]);
    }

    [Fact]
    public async Task A_failover_and_its_commit_change_no_view_and_mark_the_secondary_disk()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        byte[] view = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        byte[] disk = (await pair.BackedUpAsync(
            JobPair.Disk, "disk", before: new TransactionAction.BitmapAdd(JobPair.Disk, "d", Block, IsPersistent: true))).Memory.Snapshot();
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        await pair.SecondaryGuest.FillAsync(Blocks(6, 1), 0x31);
        Assert.Equal(Block, pair.Bitmap(JobPair.Disk, "d").CountBytes);
        disk = (await pair.BackedUpAsync(JobPair.Disk, "disk1", BackupSync.Incremental, "d")).Over(disk);
        BlockAssert.Equal(pair.Pair.SecondaryDisks[0].Snapshot(), disk);

        HeldTarget during = await pair.BackupAsync(JobPair.View, "during", isHeld: true, workers: 1);
        await during.WaitForWritesAsync();
        byte[] moment = await pair.ViewAsync();
        await pair.Pair.Secondary!.FailoverAsync(true, default);
        await Eventually.TrueAsync(() => pair.Pair.Secondary!.GetStatus().Stage == NodeStage.Done);
        Task write = pair.SecondaryGuest.FillAsync(Blocks(30, 2), 0x32);
        await during.LetGoAsync();
        await write;
        await pair.EndedAsync(during);
        BlockAssert.Equal(moment, during.Memory.Snapshot());

        // What was undone and what the guest had written is another content of the disk now.
        Assert.InRange(pair.Bitmap(JobPair.Disk, "d").CountBytes, 4 * Block, 5 * Block);
        view = (await pair.BackedUpAsync(JobPair.View, "part", BackupSync.Incremental, "b")).Over(view);
        disk = (await pair.BackedUpAsync(JobPair.Disk, "disk2", BackupSync.Incremental, "d")).Over(disk);
        BlockAssert.Equal(await pair.ViewAsync(), view);
        BlockAssert.Equal(view, disk);
    }

    [Fact]
    public async Task A_view_that_appears_may_be_anything_and_one_that_is_not_there_is_refused()
    {
        await using var pair = new JobPair();
        await pair.Pair.OpenPrimaryAsync();
        await pair.Pair.OpenSecondaryAsync();
        await pair.TransactAsync(s_add);
        JobException refused = await Assert.ThrowsAsync<JobException>(() => pair.BackupAsync(JobPair.View, "early"));
        Assert.Contains("has no view", refused.Message, StringComparison.Ordinal);
        Assert.Contains("disk0.secondary", refused.Message, StringComparison.Ordinal);
        await pair.BackedUpAsync(JobPair.Disk, "disk");
        Assert.Equal(0, pair.Bitmap(JobPair.View, "b").CountBytes);
        await pair.Pair.StartAsync();
        Assert.Equal(JobPair.LengthBytes / Block * Block + Block, pair.Bitmap(JobPair.View, "b").CountBytes);
    }

    [Fact]
    public async Task The_view_and_the_disk_below_it_are_one_to_jobs()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        HeldTarget target = await pair.BackupAsync(JobPair.View, "full", isHeld: true);
        await target.WaitForWritesAsync();
        JobException refused = await Assert.ThrowsAsync<JobException>(() => pair.BackupAsync(JobPair.Disk, "disk"));
        Assert.Contains("busy", refused.Message, StringComparison.Ordinal);
        await target.LetGoAsync();
        await pair.EndedAsync(target);
        await pair.BackedUpAsync(JobPair.Disk, "disk2");
    }

    [Fact]
    public async Task A_target_that_hangs_keeps_neither_the_mirror_nor_a_checkpoint()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        HeldTarget target = await pair.BackupAsync(JobPair.Disk, "disk", isHeld: true, workers: 1);
        await target.WaitForWritesAsync();
        await pair.Guest.FillAsync(Blocks(40, 1), 0x21);
        await pair.Pair.CheckpointAsync();
        Assert.Equal(NodeStage.Replicating, pair.Pair.Primary.GetStatus().Stage);
        await target.LetGoAsync();
        await pair.EndedAsync(target);
        Assert.False(target.IsSealed);
    }

    [Fact]
    public async Task Where_the_overlays_have_no_room_the_backup_fails_and_the_pair_goes_on()
    {
        await using JobPair pair = await JobPair.StartedAsync(overlayLimit: 500 << 10);
        HeldTarget target = await pair.BackupAsync(JobPair.View, "full", isHeld: true, workers: 1);
        await target.WaitForWritesAsync();
        // The old content of all of the disk has room once, not once for each of the two epochs.
        await pair.Pair.CheckpointAsync();
        await pair.Guest.FillAsync(new BlockRange(0, JobPair.LengthBytes), 4);
        await target.LetGoAsync();
        await pair.EndedAsync(target);
        Assert.False(target.IsSealed);
        Assert.Equal(NodeStage.Replicating, pair.Pair.Primary.GetStatus().Stage);
        Assert.Empty(pair.Pair.SecondaryJournal.Failures);
        await pair.Pair.CheckpointAsync();
        Assert.All(await pair.ViewAsync(), value => Assert.Equal(4, value));
    }

    [Fact]
    public async Task Of_an_older_view_no_more_is_kept_than_its_backup_still_reads()
    {
        await using JobPair pair = await JobPair.StartedAsync(overlayLimit: 500 << 10);
        byte[] chain = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        await pair.SecondaryGuest.FillAsync(Blocks(3, 2), 0x31);
        byte[] moment = await pair.ViewAsync();
        HeldTarget part = await pair.BackupAsync(JobPair.View, "part", BackupSync.Incremental, "b", isHeld: true, workers: 1);
        await part.WaitForWritesAsync();
        // All of the disk would have no room for a second time: see above.
        await pair.Pair.CheckpointAsync();
        await pair.Guest.FillAsync(new BlockRange(0, JobPair.LengthBytes), 4);
        await part.LetGoAsync();
        await pair.EndedAsync(part);
        Assert.True(part.IsSealed);
        BlockAssert.Equal(moment, part.Over(chain));
    }

    [Fact]
    public async Task A_node_that_ends_amid_a_backup_of_its_view_leaves_its_bitmap_as_it_was()
    {
        await using JobPair pair = await JobPair.StartedAsync();
        byte[] chain = (await pair.BackedUpAsync(JobPair.View, "full", before: s_add)).Memory.Snapshot();
        await pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        await pair.Pair.CheckpointAsync();
        HeldTarget cut = await pair.BackupAsync(JobPair.View, "cut", BackupSync.Incremental, "b", isHeld: true);
        await cut.WaitForWritesAsync();
        await pair.Pair.CheckpointAsync();
        Task restarted = pair.Pair.RestartSecondaryAsync();
        await cut.LetGoAsync();
        await restarted;
        Assert.False(pair.Bitmap(JobPair.View, "b").IsBusy);
        await pair.ReconnectAsync();
        chain = (await pair.BackedUpAsync(JobPair.View, "part", BackupSync.Incremental, "b")).Over(chain);
        BlockAssert.Equal(await pair.ViewAsync(), chain);
    }

    private static IEnumerable<Func<Task>> Changes(JobPair pair)
    {
        yield return () => pair.Guest.FillAsync(Blocks(5, 1), 0x21);
        yield return () => pair.Pair.CheckpointAsync();
        yield return () => pair.SecondaryGuest.FillAsync(Blocks(7, 1), 0x31);
        yield return () => pair.SecondaryGuest.DiscardAsync(Blocks(5, 1)).AsTask();
        yield return async () =>
        {
            await pair.Guest.FillAsync(Blocks(7, 2), 0x22);
            await pair.SecondaryGuest.FillAsync(Blocks(8, 2), 0x32);
        };
        yield return () => pair.Pair.CheckpointAsync();
        yield return () => pair.Pair.CheckpointAsync();
        yield return async () =>
        {
            await pair.Guest.DiscardAsync(Blocks(7, 2));
            await pair.Pair.CheckpointAsync();
        };
    }

    private static BlockRange Blocks(int first, int count) => new((long)first * Block, (long)count * Block);
}
