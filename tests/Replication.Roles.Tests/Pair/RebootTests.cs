using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>What a boot of the secondary's machine means in each of its stages, under <c>Durability: process</c> and <c>power</c>.</summary>
public sealed class RebootTests
{
    private static readonly BlockRange s_written = new(8192, 16384);

    [Fact]
    public async Task A_running_secondary_is_inconsistent_until_a_sync_by_digests()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(s_written, 0x22);
        await pair.View().FillAsync(s_written, 0x33);
        await RebootSecondaryAsync(pair);
        Assert.Equal((NodeStage.Inconsistent, true), (pair.Secondary!.GetStatus().Stage, pair.Secondary.GetStatus().Incomplete));
        BlockException refused = await Assert.ThrowsAsync<BlockException>(() => pair.View().ReadAsync(0, new byte[512]).AsTask());
        Assert.Equal(Errno.EIO, refused.Errno);
        foreach (bool force in (bool[])[false, true])
        {
            VerbException failover = await Assert.ThrowsAsync<VerbException>(() => pair.Secondary.FailoverAsync(force, default));
            Assert.Equal(VerbFailure.Refused, failover.Failure);
            Assert.Contains(
                "failover is refused: the secondary is inconsistent; its overlays cannot be trusted, run start", failover.Message, StringComparison.Ordinal);
        }

        // On record: the next start of the node, in the same boot, finds it.
        await pair.RestartSecondaryAsync();
        Assert.Equal(NodeStage.Inconsistent, pair.Secondary!.GetStatus().Stage);

        // What the reboot took from the disk, no mark of the primary knows of.
        await pair.SecondaryDisks[0].WriteAsync(65536, new byte[4096]);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.Equal(NodeStage.Running, pair.Secondary.GetStatus().Stage);
        await pair.DisksAreEqualAsync();
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x22);
    }

    [Fact]
    public async Task A_stopped_secondary_is_inconsistent()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.StopAsync(default);
        await RebootSecondaryAsync(pair);
        Assert.Equal(NodeStage.Inconsistent, pair.Secondary!.GetStatus().Stage);
        await pair.SecondaryDisks[0].WriteAsync(65536, new byte[4096]);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_promotion_that_was_not_committed_is_lost_with_its_view()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(s_written, 0x22);
        pair.SecondaryFaults.Add("node=disk0.commit op=write error=EIO");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.FailoverFailed);
        await RebootSecondaryAsync(pair);
        Assert.Equal(NodeStage.Inconsistent, pair.Secondary.GetStatus().Stage);
        await Assert.ThrowsAsync<BlockException>(() => pair.View().ReadAsync(0, new byte[512]).AsTask());
    }

    [Fact]
    public async Task A_promoted_secondary_serves_and_has_every_block_marked_dirty()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().FillAsync(s_written, 0x22);
        await PromoteAsync(pair);
        await pair.View().FillAsync(s_written, 0x33);
        Assert.InRange(pair.Secondary!.GetStatus().Disks[0].DirtyBytes, 1, pair.SecondaryDisks[0].LengthBytes / 2);
        await RebootSecondaryAsync(pair);
        NodeStatus status = pair.Secondary.GetStatus();
        Assert.Equal(NodeStage.Done, status.Stage);
        Assert.InRange(status.Disks[0].DirtyBytes, pair.SecondaryDisks[0].LengthBytes, long.MaxValue);
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x33);
    }

    [Fact]
    public async Task Under_power_every_stage_stays_what_it_was()
    {
        await using var pair = new TestPair { Durability = Durability.Power };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        await pair.Guest().FillAsync(s_written, 0x22);
        await pair.View().FillAsync(new BlockRange(65536, 4096), 0x33);
        await pair.View().FlushAsync();
        await RebootSecondaryAsync(pair);
        Assert.Equal(NodeStage.Running, pair.Secondary!.GetStatus().Stage);
        await BlockAssert.FilledAsync(pair.View(), s_written, 0x11);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(65536, 4096), 0x33);
        await pair.Secondary.FailoverAsync(force: true, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        long dirtyBytes = pair.Secondary.GetStatus().Disks[0].DirtyBytes;
        await RebootSecondaryAsync(pair);
        Assert.Equal((NodeStage.Done, dirtyBytes), (pair.Secondary.GetStatus().Stage, pair.Secondary.GetStatus().Disks[0].DirtyBytes));
    }

    [Fact]
    public async Task A_state_that_was_kept_under_process_is_not_trusted_because_the_configuration_says_power_now()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Durability = Durability.Power;
        await RebootSecondaryAsync(pair);
        Assert.Equal(NodeStage.Inconsistent, pair.Secondary!.GetStatus().Stage);
    }

    private static async Task PromoteAsync(TestPair pair)
    {
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
    }

    private static async Task RebootSecondaryAsync(TestPair pair)
    {
        await pair.Secondary!.DisposeAsync();
        pair.Boot = Guid.NewGuid();
        await pair.OpenSecondaryAsync();
    }
}
