using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>The unit scenarios of a secondary, on disks of 64 MiB + 512 bytes that hold 0x11.</summary>
public sealed class SecondaryScenarioTests
{
    private const long LengthBytes = (64 << 20) + 512;
    private static readonly BlockRange s_lower = new(0, 32 << 20);
    private static readonly BlockRange s_upper = BlockRange.FromBounds(32 << 20, LengthBytes);

    [Fact]
    public async Task Reads_and_writes_fail_before_the_start()
    {
        await using GroupFixture fixture = await GroupFixture.CreateAsync(lengthBytes: LengthBytes);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.ReadAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.WriteAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.FlushAsync());
    }

    [Fact]
    public async Task A_started_secondary_shows_the_last_checkpoint_and_its_guests_own_writes()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await BlockAssert.FilledAsync(fixture.Guest, s_upper, 0x11);
        await BlockAssert.FilledAsync(fixture.Guest, s_lower, 0x33);
        await BlockAssert.FilledAsync(fixture.Disk, s_lower, 0x11);
        await BlockAssert.FilledAsync(fixture.Disk, s_upper, 0x22);
    }

    [Fact]
    public async Task Failover_makes_the_disk_what_the_guest_saw()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await fixture.FailoverAsync();
        Assert.Equal(NodeStage.Done, fixture.Group.Stage);
        foreach (BlockNode node in (BlockNode[])[fixture.Guest, fixture.Disk])
        {
            await BlockAssert.FilledAsync(node, s_lower, 0x33);
            await BlockAssert.FilledAsync(node, s_upper, 0x11);
        }
    }

    [Fact]
    public async Task A_checkpoint_shows_what_the_mirror_wrote_and_drops_what_the_guest_wrote()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await fixture.CheckpointAsync();
        await BlockAssert.FilledAsync(fixture.Guest, s_upper, 0x22);
        await BlockAssert.FilledAsync(fixture.Guest, s_lower, 0x11);
        Assert.Equal(0, fixture.Group.Disks[0].ActiveBytes);
        Assert.Equal(0, fixture.Group.Disks[0].HiddenBytes);
        Assert.Equal(2UL, fixture.Group.Record!.Epoch);
    }

    [Fact]
    public async Task A_stop_without_failover_drops_the_buffers_and_serves_reads_only()
    {
        await using GroupFixture fixture = await WrittenAsync();
        Assert.True((await fixture.StopAsync()).Switched);
        Assert.Equal(NodeStage.Stopped, fixture.Group.Stage);
        await BlockAssert.FilledAsync(fixture.Guest, s_upper, 0x22);
        await BlockAssert.FilledAsync(fixture.Guest, s_lower, 0x11);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.WriteAsync(0, new byte[512]));
        Assert.Empty(Directory.EnumerateFiles(fixture.OverlayPath));
    }

    [Fact]
    public async Task Writes_after_a_failover_go_to_the_disk_and_are_marked_dirty()
    {
        await using GroupFixture fixture = await WrittenAsync();
        await fixture.FailoverAsync();
        long dirtyBytes = fixture.Group.Disks[0].DirtyBytes;
        Assert.Equal(LengthBytes + 4096 - 512, dirtyBytes);
        await fixture.Guest.FillAsync(new BlockRange(5000, 100), 0x44);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(5000, 100), 0x44);
    }

    [Fact]
    public async Task No_mirrored_write_lands_after_a_failover_and_no_checkpoint_is_taken()
    {
        await using GroupFixture fixture = await WrittenAsync();
        BlockNode mirror = fixture.Mirror();
        await fixture.PromoteAsync();
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, mirror.WriteAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, mirror.FlushAsync());
        SwitchResult late = await fixture.TryCheckpointAsync();
        Assert.Equal(SwitchOutcome.Refused, late.Outcome);
        await BlockAssert.FilledAsync(fixture.Guest, s_lower, 0x33);
        await BlockAssert.FilledAsync(fixture.Disk, s_lower, 0x11);
    }

    private static async Task<GroupFixture> WrittenAsync()
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: LengthBytes);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, LengthBytes), 0x11);
        await fixture.Mirror().FillAsync(s_upper, 0x22);
        await fixture.Guest.FillAsync(s_lower, 0x33);
        return fixture;
    }
}
