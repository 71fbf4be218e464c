using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A resync that does not fit the overlay: what happens to the secondary's view when the operator gives it up.</summary>
public sealed class AbandonViewTests
{
    [Fact]
    public async Task A_view_that_is_given_up_is_gone_for_good_and_nothing_can_be_promoted()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.View().WriteAsync(0, new byte[4096]);
        AttachReply reply = await AttachAsync(pair);
        Assert.Equal(NodeStage.Syncing, reply.Stage);
        await BlockAssert.FailsAsync(pair.View().ReadAsync(0, new byte[512]));
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(force: true, default))).Failure);
        await pair.RestartSecondaryAsync();
        Assert.Equal(NodeStage.None, pair.Secondary!.GetStatus().Stage);
        Assert.Equal(0, pair.Secondary.GetStatus().Disks[0].ActiveBytes);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary.FailoverAsync(force: true, default))).Failure);
    }

    [Fact]
    public async Task A_view_can_be_given_up_after_a_mirrored_write_has_failed()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=write count=1 error=EIO");
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        Assert.Equal(NodeStage.Syncing, (await AttachAsync(pair)).Stage);
    }

    [Fact]
    public async Task An_attach_that_keeps_the_view_says_how_much_the_overlay_can_still_take()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        AttachReply before = await pair.ToSecondary.AttachMirrorAsync(Request(pair), default);
        byte[] content = new byte[16 * TestPair.BlockBytes];
        Array.Fill(content, (byte)0x42);
        await pair.View().WriteAsync(0, content);
        AttachReply after = await pair.ToSecondary.AttachMirrorAsync(Request(pair), default);
        Assert.Equal((NodeStage.Running, NodeStage.Running), (before.Stage, after.Stage));
        // A sixteenth is the guest's reserve; the first write takes a page of marks besides.
        Assert.InRange(before.OverlayFreeBytes, 1, TestPair.OverlayLimitBytes / 16 * 15);
        Assert.Equal(before.OverlayFreeBytes - content.Length - 4096, after.OverlayFreeBytes);
    }

    private static Task<AttachReply> AttachAsync(TestPair pair) => pair.ToSecondary.AttachMirrorAsync(Request(pair) with { AbandonView = true }, default);

    private static AttachRequest Request(TestPair pair) =>
        new("vm1", [pair.Primary.GetStatus().Generation], 1, [("disk0", pair.PrimaryDisks[0].LengthBytes)], "primary", SyncMode.Auto);
}
