using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A guest that trims much, and the checkpoints of its pair.</summary>
public sealed class LongZeroingTests
{
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task A_checkpoint_waits_for_it_without_holding_the_guest_and_has_it(Acknowledge acknowledge)
    {
        await using TestPair pair = await ReplicatingAsync(acknowledge);
        pair.SecondaryFaults.Add("node=disk0 op=zero break=held");
        await pair.Guest().DiscardAsync(new BlockRange(MiB, 10 * MiB)).AsTask().WaitAsync(TestTimeouts.Patience);
        Task<ulong> checkpoint = pair.CheckpointAsync();
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        // The guest is not held for the mirror's zeroing, and the secondary still shows its last checkpoint.
        Assert.False(checkpoint.IsCompleted);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 12 * MiB), 0x11);
        pair.SecondaryFaults.Breakpoint("held").Release();
        await checkpoint.WaitAsync(TestTimeouts.Patience);
        await pair.DisksAreEqualAsync();
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(MiB, 10 * MiB), 0);
    }

    [Fact]
    public async Task A_stop_leaves_equal_disks()
    {
        await using TestPair pair = await ReplicatingAsync(Acknowledge.Applied);
        await pair.Guest().WriteZeroesAsync(new BlockRange(512, 11 * MiB));
        await pair.Primary.StopAsync(default);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task What_a_lost_session_had_not_copied_yet_is_copied_by_the_next()
    {
        await using TestPair pair = await ReplicatingAsync(Acknowledge.Applied);
        var rule = pair.SecondaryFaults.Add("node=disk0 op=zero error=EIO");
        await pair.Guest().DiscardAsync(new BlockRange(0, 12 * MiB));
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        Assert.Equal(12 * MiB, pair.DirtyBytes());
        pair.SecondaryFaults.Remove(rule);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
        Assert.Equal("marks", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
    }

    private static async Task<TestPair> ReplicatingAsync(Acknowledge acknowledge)
    {
        var pair = new TestPair(diskBytes: 16 * MiB, acknowledge: acknowledge) { OverlayLimit = 64 * MiB };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        return pair;
    }
}
