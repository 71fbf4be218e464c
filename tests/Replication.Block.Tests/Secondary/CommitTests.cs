using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

public sealed class CommitTests
{
    private const int Block = GroupFixture.BlockBytes;

    [Fact]
    public async Task A_request_that_hangs_at_the_end_of_a_commit_holds_up_the_others_for_moments_only()
    {
        var hang = new TaskCompletionSource();
        bool hangs = false;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => new HookNode(node)
        {
            Before = (operation, _) => hangs && operation == BlockOperation.Read ? hang.Task : Task.CompletedTask,
        });
        await fixture.PromoteAsync();
        hangs = true;
        Task hung = fixture.Guest.ReadAsync(0, new byte[512]).AsTask();
        Task<CommitResult> commit = fixture.Group.CommitAsync().AsTask();
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Task waiting = fixture.Guest.FillAsync(new BlockRange(65536, 4096), 0x33);
            Assert.False(waiting.IsCompleted);
            fixture.Time.Advance(Limits.DetachHold);
            await waiting.WaitAsync(TestTimeouts.Patience);
            // Until the next try nobody waits.
            await fixture.Guest.FillAsync(new BlockRange(65536, 4096), 0x44).WaitAsync(TestTimeouts.Patience);
            fixture.Time.Advance(Limits.DetachRest);
        }

        hang.SetResult();
        await hung;
        Assert.Equal(CommitOutcome.Done, (await commit.WaitAsync(TestTimeouts.Patience)).Outcome);
    }

    [Fact]
    public async Task A_failed_commit_serves_by_layer_and_ends_when_it_is_tried_again()
    {
        HookNode commit = null!;
        await using GroupFixture fixture = await WrittenAsync(f => f.Wrap["disk0.commit"] = node => commit = new HookNode(node));
        byte[] view = await fixture.Guest.ReadAllAsync();
        await fixture.PromoteAsync();
        int steps = 0;
        commit.Before = (operation, range) => ++steps == 3
            ? throw new BlockException(BlockErrorKind.NoSpace, "disk0.commit", operation, range, "told to fail", Errno.ENOSPC)
            : Task.CompletedTask;
        CommitResult failed = await fixture.Group.CommitAsync();
        Assert.Equal((CommitOutcome.Failed, "disk0", Errno.ENOSPC), (failed.Outcome, failed.Disk, failed.Error!.Errno));
        Assert.Equal(NodeStage.FailoverFailed, fixture.Group.Stage);
        BlockAssert.Equal(view, await fixture.Guest.ReadAllAsync());

        // A block that hidden holds takes writes in active, one that nothing holds in the secondary disk.
        long held = 75 * Block;
        long free = 60 * Block;
        long activeBytes = fixture.Group.Disks[0].ActiveBytes;
        await fixture.Guest.FillAsync(new BlockRange(held + 10, 100), 0x44);
        await fixture.Guest.FillAsync(new BlockRange(free + 10, 100), 0x55);
        Assert.Equal(activeBytes + Block, fixture.Group.Disks[0].ActiveBytes);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(held, Block), 0x22);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(free + 10, 100), 0x55);
        view.AsSpan((int)held + 10, 100).Fill(0x44);
        view.AsSpan((int)free + 10, 100).Fill(0x55);

        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
        Assert.Equal(NodeStage.Done, fixture.Group.Stage);
        BlockAssert.Equal(view, fixture.Disk.Snapshot());
        BlockAssert.Equal(view, await fixture.Guest.ReadAllAsync());
        Assert.Empty(Directory.EnumerateFiles(fixture.OverlayPath));
    }

    [Fact]
    public async Task A_commits_last_flush_that_fails_fails_the_guests_next_one_too()
    {
        HookNode commit = null!;
        await using GroupFixture fixture = await WrittenAsync(f => f.Wrap["disk0.commit"] = node => commit = new HookNode(node));
        await fixture.PromoteAsync();
        // A block that no layer holds: the guest's write goes to the disk itself.
        await fixture.Guest.FillAsync(new BlockRange(60 * Block, Block), 0x55);
        commit.Fail(BlockOperation.Flush);
        Assert.Equal(CommitOutcome.Failed, (await fixture.Group.CommitAsync()).Outcome);
        commit.Before = null;
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Guest.FlushAsync());
        await fixture.Guest.FlushAsync();
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_whose_blocks_the_guests_failed_flush_may_have_lost_fails(bool power)
    {
        var flushing = new TaskCompletionSource();
        var written = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        HookNode disk = null!;
        HookNode alias = null!;
        await using GroupFixture fixture = await WrittenAsync(f =>
        {
            f.Power = power;
            f.Wrap["disk0"] = node => disk = new HookNode(node);
            f.Wrap["disk0.commit"] = node => alias = new HookNode(node);
        });
        byte[] view = await fixture.Guest.ReadAllAsync();
        await fixture.PromoteAsync();
        disk.Before = (operation, _) =>
        {
            if (operation != BlockOperation.Flush)
                return Task.CompletedTask;
            flushing.TrySetResult();
            return gate.Task;
        };
        alias.After = (operation, _) =>
        {
            if (operation == BlockOperation.Write)
                written.TrySetResult();
        };
        Task guest = fixture.Guest.FlushAsync().AsTask();
        await flushing.Task.WaitAsync(TestTimeouts.Patience);
        Task<CommitResult> commit = fixture.Group.CommitAsync().AsTask();
        await written.Task.WaitAsync(TestTimeouts.Patience);
        Assert.False(guest.IsCompleted || commit.IsCompleted);
        disk.Before = null;
        gate.SetException(new BlockException(BlockErrorKind.Io, "disk0", BlockOperation.Flush, default, "told to fail"));
        await Assert.ThrowsAsync<BlockException>(() => guest);
        Assert.Equal(CommitOutcome.Failed, (await commit.WaitAsync(TestTimeouts.Patience)).Outcome);
        Assert.Equal(NodeStage.FailoverFailed, fixture.Group.Stage);
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
        BlockAssert.Equal(view, fixture.Disk.Snapshot());
    }

    [Fact]
    public async Task A_commit_killed_between_any_two_steps_is_resumed_and_ends_in_the_view()
    {
        int round = 0;
        for (bool more = true; more; round++)
        {
            HookNode commit = null!;
            int operations = 0;
            GroupFixture? killed = null;
            // The marks of every set are watched; only those of the live one change during the commit.
            var watched = new List<HookNode>();
            Func<BlockNode, BlockNode> watch = node =>
            {
                watched.Add(new HookNode(node));
                return watched[^1];
            };
            await using GroupFixture fixture = await WrittenAsync(f =>
            {
                f.Wrap["disk0.commit"] = node => commit = new HookNode(node);
                f.Wrap["disk0.hidden.marks"] = watch;
                f.Wrap["disk0.active.marks"] = watch;
            });
            byte[] view = await fixture.Guest.ReadAllAsync();
            await fixture.PromoteAsync();
            int killAt = round;
            foreach (HookNode hook in (HookNode[])[commit, .. watched])
            {
                hook.Before = async (_, _) =>
                {
                    if (operations++ == killAt)
                        killed = await fixture.KilledAsync();
                };
            }

            Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
            more = killed is not null;
            if (killed is null)
                continue;
            await using (killed)
            {
                Assert.Equal(NodeStage.Failover, killed.Group.Stage);
                BlockAssert.Equal(view, await killed.Guest.ReadAllAsync());
                Assert.Equal(CommitOutcome.Done, (await killed.Group.CommitAsync()).Outcome);
                BlockAssert.Equal(view, killed.Disk.Snapshot());
                Assert.Equal(fixture.Group.Disks[0].DirtyBytes, killed.Group.Disks[0].DirtyBytes);
            }
        }

        Assert.InRange(round, 5, 500);
    }

    [Fact]
    public async Task Closing_the_group_interrupts_the_commit_and_the_next_open_resumes_it()
    {
        await using GroupFixture fixture = await WrittenAsync();
        byte[] view = await fixture.Guest.ReadAllAsync();
        await fixture.PromoteAsync();
        fixture.Worker.Automatic = false;
        Task<CommitResult> commit = fixture.Group.CommitAsync().AsTask();
        fixture.Worker.RunOne();
        Task reopened = fixture.ReopenAsync();
        fixture.Worker.Automatic = true;
        fixture.Worker.RunUntilIdle();
        Assert.Equal(CommitOutcome.Interrupted, (await commit.WaitAsync(TestTimeouts.Patience)).Outcome);
        await reopened.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(NodeStage.Failover, fixture.Group.Stage);
        await fixture.Guest.FillAsync(new BlockRange(0, 100), 0x66);
        view.AsSpan(0, 100).Fill(0x66);
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
        BlockAssert.Equal(view, fixture.Disk.Snapshot());
    }

    [Fact]
    public async Task A_write_without_room_in_the_overlay_commits_its_block_and_goes_to_the_disk()
    {
        await using GroupFixture fixture = await WrittenAsync(f => f.Wrap["disk0.active"] = node => new HookNode(node));
        byte[] view = await fixture.Guest.ReadAllAsync();
        await fixture.PromoteAsync();
        ((HookNode)fixture.Group.Disks[0].CopyBeforeWrite.Layers!.Active.Files.First().Data).Fail(BlockOperation.Write, BlockErrorKind.NoSpace);
        await fixture.Guest.FillAsync(new BlockRange((40 * Block) + 10, 100), 0x44);
        view.AsSpan((40 * Block) + 10, 100).Fill(0x44);
        BlockAssert.Equal(view.AsSpan(40 * Block, Block), fixture.Disk.Snapshot().AsSpan(40 * Block, Block));
        Assert.Empty(fixture.Failures);
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
        BlockAssert.Equal(view, fixture.Disk.Snapshot());
    }

    [Fact]
    public async Task A_second_commit_waits_for_the_first_ones_end()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await fixture.PromoteAsync();
        fixture.Worker.Automatic = false;
        Task<CommitResult> first = fixture.Group.CommitAsync().AsTask();
        Task<CommitResult> second = fixture.Group.CommitAsync().AsTask();
        fixture.Worker.RunUntilIdle();
        Assert.Equal(CommitOutcome.Done, (await first.WaitAsync(TestTimeouts.Patience)).Outcome);
        Assert.Equal(CommitOutcome.Done, (await second.WaitAsync(TestTimeouts.Patience)).Outcome);
        Assert.Equal((32 + 8 + 10 + 2) * Block, (await first).CommittedBytes);
    }

    [Fact]
    public async Task A_lost_dirty_bitmap_marks_everything()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await fixture.FailoverAsync();
        File.Delete(Path.Combine(fixture.StatePath, "disk0.dirty"));
        await fixture.ReopenAsync();
        Assert.True(fixture.Group.Disks[0].DirtyBytes >= fixture.Disk.LengthBytes);
    }

    // Blocks 0-31 in active, 8-15 in both, 40-47 and 70-79 in hidden, 90-91 in active, the rest in neither.
    private static async Task<GroupFixture> WrittenAsync(Action<GroupFixture>? prepare = null)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: (100 * Block) + 512, prepare: prepare);
        await fixture.Mirror().FillAsync(new BlockRange(8 * Block, 8 * Block), 0x22);
        await fixture.Mirror().FillAsync(new BlockRange(40 * Block, 8 * Block), 0x22);
        await fixture.Mirror().FillAsync(new BlockRange(70 * Block, 10 * Block), 0x22);
        await fixture.Guest.FillAsync(new BlockRange(0, 32 * Block), 0x33);
        await fixture.Guest.FillAsync(new BlockRange((90 * Block) + 100, Block), 0x33);
        return fixture;
    }
}
