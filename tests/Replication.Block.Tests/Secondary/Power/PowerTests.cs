using Replication.Block.Overlay;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Power;

/// <summary>
/// Random runs of a secondary under <c>Durability: power</c> that lose power at an operation of any of their files: of what was not flushed every sector is
/// there in any version, or is not. After the reboot the view must be the last checkpoint's, with every
/// guest write that a flush covered, and a failover must end in it.
/// </summary>
public sealed class PowerTests
{
    private const int Rounds = 300;

    [Fact]
    public async Task A_loss_of_power_at_any_operation_leaves_the_view()
    {
        Random seeds = DeterministicRandom.Create();
        for (int round = 0; round < Rounds; round++)
        {
            int seed = seeds.Next();
            try
            {
                await new PowerRun(new Random(seed)).RunAsync();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"round {round}, seed {seed}: {e.Message}", e);
            }
        }
    }

    [Fact]
    public async Task Undo_copies_that_wait_together_share_their_flushes()
    {
        // The data file's first flush is held: what comes meanwhile is served by one more.
        var gate = new TaskCompletionSource();
        int flushes = 0;
        var group = new PowerGroup();
        await group.OpenAsync(afterCrash: false);
        Assert.True((await group.SwitchAsync()).Switched);
        group.Before = (node, operation) => node == "disk0.hidden" && operation == BlockOperation.Flush && ++flushes == 1 ? gate.Task : Task.CompletedTask;
        BlockNode mirror = group.Group.Disks[0].CreateMirrorTarget(new MirrorSessionState(Guid.NewGuid()));
        byte[] content = new byte[PowerGroup.BlockBytes];
        content.AsSpan().Fill(0x22);
        Task[] writes = [.. Enumerable.Range(0, 6).Select(i => mirror.WriteAsync(i * 2 * PowerGroup.BlockBytes, content).AsTask())];
        Assert.All(writes, write => Assert.False(write.IsCompleted));
        // Nothing is overwritten whose old content a loss of power could take.
        Assert.DoesNotContain((byte)0x22, group.Disk.Snapshot());
        gate.SetResult();
        await Task.WhenAll(writes).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(2, flushes);
    }

    [Fact]
    public async Task A_failed_flush_of_old_content_fails_the_mirrored_write_before_the_disk_is_touched()
    {
        bool fails = false;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f =>
        {
            f.Power = true;
            f.Wrap["disk0.hidden"] = node => new HookNode(node)
            {
                Before = (operation, range) =>
                    operation == BlockOperation.Flush && fails
                        ? throw new BlockException(BlockErrorKind.Io, node.Name, operation, range, "told to fail")
                        : Task.CompletedTask,
            };
        });
        fails = true;
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Mirror().WriteAsync(0, new byte[4096]));
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(0, 4096), GroupFixture.OldByte);
        Assert.Equal(SecondaryFailure.UndoCopy, Assert.Single(fixture.Failures).Failure);
        fails = false;
        fixture.BeginSession();
        await fixture.Mirror().WriteAsync(0, new byte[4096]);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 4096), GroupFixture.OldByte);
    }

    [Fact]
    public async Task Overlays_that_were_made_under_process_are_made_safe_when_the_node_is_opened_under_power()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Mirror().FillAsync(new BlockRange(0, 65536), 0x22);
        await fixture.Guest.FillAsync(new BlockRange(32768, 65536), 0x33);
        fixture.Power = true;
        await fixture.ReopenAsync();
        fixture.Trust = OverlayTrust.Durable;
        await fixture.ReopenAsync();
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 32768), GroupFixture.OldByte);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(32768, 65536), 0x33);
    }

    [Fact]
    public async Task A_view_that_was_made_under_process_survives_a_loss_of_power_once_the_node_is_opened_under_power()
    {
        var group = new PowerGroup { Power = false };
        await group.OpenAsync(afterCrash: false);
        Assert.True((await group.SwitchAsync()).Switched);
        await group.Group.Disks[0].CreateMirrorTarget(new MirrorSessionState(Guid.NewGuid())).FillAsync(new BlockRange(0, 16384), 0x22);
        Assert.True((await group.SwitchAsync()).Switched);
        await group.Guest.FillAsync(new BlockRange(16384, 16384), 0x33);
        await group.Group.DisposeAsync();
        group.Power = true;
        await group.OpenAsync(afterCrash: false);
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 20; round++)
        {
            group.CrashNow(random);
            await group.Left!.OpenAsync(afterCrash: true);
            Assert.False(group.Left.Group.OverlaysLost);
            await BlockAssert.FilledAsync(group.Left.Guest, new BlockRange(0, 16384), 0x22);
            await BlockAssert.FilledAsync(group.Left.Guest, new BlockRange(16384, 16384), 0x33);
        }
    }

    [Theory]
    [InlineData(BlockOperation.Flush)]
    [InlineData(BlockOperation.Write)]
    public async Task A_commit_that_cannot_clear_a_mark_for_good_still_holds_the_block(BlockOperation failing)
    {
        var group = new PowerGroup();
        await group.OpenAsync(afterCrash: false);
        Assert.True((await group.SwitchAsync()).Switched);
        await group.Group.Disks[0].CreateMirrorTarget(new MirrorSessionState(Guid.NewGuid())).FillAsync(new BlockRange(0, 8192), 0x22);
        SwitchResult promoted = await group.Group.PromoteAsync(
            next => next with { GenerationNumber = next.GenerationNumber + 1, GenerationId = Guid.NewGuid() }, TimeSpan.FromSeconds(1));
        Assert.True(promoted.Switched, promoted.Reason);
        group.Before = (node, operation) => node == "disk0.hidden.durable" && operation == failing
            ? throw new BlockException(BlockErrorKind.Io, node, operation, default, "told to fail") : Task.CompletedTask;
        Assert.Equal(CommitOutcome.Failed, (await group.Group.CommitAsync()).Outcome);
        group.Before = null;
        await group.Guest.FillAsync(new BlockRange(0, 4096), 0x44);
        await group.Guest.FlushAsync();
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 20; round++)
        {
            group.CrashNow(random);
            await group.Left!.OpenAsync(afterCrash: true);
            await BlockAssert.FilledAsync(group.Left.Guest, new BlockRange(0, 4096), 0x44);
            await BlockAssert.FilledAsync(group.Left.Guest, new BlockRange(4096, 4096), 0);
        }

        Assert.Equal(CommitOutcome.Done, (await group.Group.CommitAsync()).Outcome);
        await BlockAssert.FilledAsync(group.Disk, new BlockRange(0, 4096), 0x44);
    }

    [Fact]
    public async Task Overlays_of_another_boot_are_lost_under_process()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        fixture.Trust = OverlayTrust.None;
        await fixture.ReopenAsync();
        Assert.True(fixture.Group.OverlaysLost);
        Assert.Equal(NodeStage.Running, fixture.Group.Stage);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.ReadAsync(0, new byte[512]));
    }
}
