using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A pair whose secondary's overlay is full.</summary>
public sealed class OverlayLimitTests
{
    private const long DiskBytes = 24 << 20;

    [Fact]
    public async Task A_full_overlay_detaches_the_mirror_and_both_guests_go_on()
    {
        await using var pair = new TestPair(diskBytes: DiskBytes);
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        await pair.View().FillAsync(new BlockRange(0, 4096), 0x33);

        await pair.Guest().FillAsync(new BlockRange(1 << 20, 20 << 20), 0x22);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await BlockAssert.FilledAsync(pair.Guest(), new BlockRange(1 << 20, 20 << 20), 0x22);
        Assert.Single(pair.PrimaryJournal.Of(EventTypes.MirrorDetached));

        FailureReport undo = Assert.Single(pair.SecondaryJournal.Failures, failure => failure.Case == FailureCase.UndoCopy);
        Assert.Equal(("disk0", Errno.ENOSPC), (undo.Disk, undo.Errno));
        Assert.Matches(
            @"^[\w.]+: Write at \S+: the old content could not be kept: the overlays are full \(\d+ of 16777216 bytes\); "
            + "a checkpoint empties them, a larger Overlay:Limit or an Overlay:Spill holds more$",
            undo.Message);
        Dictionary<string, object> soft = Assert.Single(pair.SecondaryJournal.Of(EventTypes.OverlaySoftLimit));
        Assert.Equal(TestPair.OverlayLimitBytes / 4 * 3, soft["limitBytes"]);
        Assert.InRange((long)soft["usedBytes"], TestPair.OverlayLimitBytes / 4 * 3, TestPair.OverlayLimitBytes);
        Dictionary<string, object> hard = Assert.Single(pair.SecondaryJournal.Of(EventTypes.OverlayHardLimit));
        Assert.Equal(TestPair.OverlayLimitBytes, hard["limitBytes"]);

        // The view is the last checkpoint's with the guest's own writes, and takes more of them.
        await BlockAssert.FilledAsync(pair.View(), BlockRange.FromBounds(4096, DiskBytes), 0x11);
        await pair.View().FillAsync(new BlockRange(0, 4096), 0x34);
        await pair.View().FillAsync(new BlockRange(22 << 20, 256 << 10), 0x35);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(0, 4096), 0x34);
        await BlockAssert.FilledAsync(pair.View(), new BlockRange(22 << 20, 256 << 10), 0x35);
    }
}
