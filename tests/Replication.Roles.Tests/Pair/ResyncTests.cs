using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A secondary that is being brought up to date again refuses checkpoints, and still shows its last one.</summary>
public sealed class ResyncTests
{
    [Fact]
    public async Task Failover_in_the_middle_of_a_sync_shows_the_last_checkpoint_byte_for_byte()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        byte[] checkpoint = pair.PrimaryDisks[0].Snapshot();
        await pair.View().WriteAsync(300_000, new byte[10_000]);
        Array.Clear(checkpoint, 300_000, 10_000);
        Task<StartResult> start = await BeginResyncAsync(pair);

        Assert.True(pair.Secondary!.GetStatus().Incomplete);
        Assert.Equal(NodeStage.Running, pair.Secondary.GetStatus().Stage);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary.CheckpointAsync(default))).Failure);
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary.FailoverAsync(force: false, default))).Failure);
        await pair.Secondary.FailoverAsync(force: true, default);
        await BlockAssert.ContentAsync(pair.View(), 0, checkpoint);
        await Eventually.TrueAsync(() => pair.Secondary.GetStatus().Stage == NodeStage.Done);
        BlockAssert.Equal(checkpoint, pair.SecondaryDisks[0].Snapshot());
        pair.PrimaryFaults.Breakpoint("mid").Release();
        await Assert.ThrowsAsync<VerbException>(() => start);
        BlockAssert.Equal(checkpoint, pair.SecondaryDisks[0].Snapshot());
    }

    [Fact]
    public async Task A_sync_into_a_view_neither_undoes_nor_writes_what_is_equal()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.Transport.Cut("the link is cut");
        await pair.Guest().WriteAsync(0, new byte[TestPair.BlockBytes]);
        pair.SecondaryFaults.Add("node=disk0 op=write offset=4KiB length=1MiB error=EIO");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync(SyncMode.Full);
        await pair.DisksAreEqualAsync();
        Assert.Empty(pair.SecondaryJournal.Failures);
    }

    // Detached, written to, and on the way back: the sync has copied one piece and is held before the next.
    private static async Task<Task<StartResult>> BeginResyncAsync(TestPair pair)
    {
        pair.Transport.Cut("the link is cut");
        byte[] data = new byte[pair.PrimaryDisks[0].LengthBytes];
        Array.Fill(data, (byte)0x22);
        await pair.Guest().WriteAsync(0, data);
        pair.PrimaryFaults.Add("node=disk0 op=read nth=2 break=mid");
        Task<StartResult> start = pair.StartAsync(SyncMode.Full);
        await pair.PrimaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        return start;
    }
}
