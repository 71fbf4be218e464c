using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public sealed class StartTests
{
    [Fact]
    public async Task A_guest_finds_room_beside_the_copies_in_a_small_window()
    {
        await using var pair = new TestPair(diskBytes: 32 << 20) { WindowBytes = 2 << 20 };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        pair.SecondaryFaults.Add("node=disk0 op=write delay=800ms");
        using var cancelled = new CancellationTokenSource();
        Task<StartResult> start = pair.Primary.StartAsync(NodeRole.Primary, SyncMode.Full, abandonView: false, cancelled.Token);
        await Eventually.TrueAsync(() => pair.SecondaryDisks[0].Counts[BlockOperation.Write] > 0);
        // 32 MiB by eights would keep the window full for longer than the deadline.
        await pair.Guest().WriteAsync(31 << 20, new byte[4096]).AsTask().WaitAsync(TestTimeouts.Patience);
        Assert.Equal(NodeStage.Syncing, pair.Primary.GetStatus().Stage);
        Assert.False(start.IsCompleted);
        await cancelled.CancelAsync();
        await Assert.ThrowsAsync<VerbException>(() => start);
    }

    private static readonly BlockRange s_some = new(8192, 4096);

    [Theory]
    [InlineData(SyncMode.Auto)]
    [InlineData(SyncMode.Full)]
    public async Task Start_makes_the_disks_equal_and_ends_with_a_checkpoint(SyncMode sync)
    {
        await using TestPair pair = await TestPair.OpenAsync(disks: 3);
        await BlockAssert.FailsAsync(pair.View().ReadAsync(0, new byte[512]));
        StartResult result = await pair.StartAsync(sync);
        Assert.Equal(1UL, result.Epoch);
        Assert.Equal(1UL, result.Generation.Number);
        Assert.Equal(NodeStage.Replicating, pair.Primary.GetStatus().Stage);
        Assert.Equal(NodeStage.Running, pair.Secondary!.GetStatus().Stage);
        Assert.Equal(1UL, pair.Secondary.GetStatus().Epoch);
        Assert.Equal(result.Generation, pair.Secondary.GetStatus().Generation);
        await pair.DisksAreEqualAsync();
        await BlockAssert.SameAsync(pair.PrimaryDisks[2], pair.View(2));
    }

    [Fact]
    public async Task Sync_none_sends_nothing()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        StartResult result = await pair.StartAsync(SyncMode.None);
        Assert.Equal(0, result.SyncedBytes);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], new BlockRange(0, pair.SecondaryDisks[0].LengthBytes), 0x77);
    }

    [Fact]
    public async Task Auto_sends_only_what_differs()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        byte[] same = new byte[pair.PrimaryDisks[0].LengthBytes];
        Array.Fill(same, (byte)0x11);
        await pair.SecondaryDisks[0].WriteAsync(0, same);
        await pair.SecondaryDisks[0].WriteAsync(70000, new byte[1]);
        StartResult result = await pair.StartAsync();
        Assert.Equal(64 << 10, result.SyncedBytes);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task Start_while_replicating_is_refused()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync())).Failure);
    }

    [Fact]
    public async Task A_start_whose_peer_cannot_be_reached_changes_nothing()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.ToSecondary.IsCut = true;
        Assert.Equal(VerbFailure.Unreachable, (await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync())).Failure);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        Assert.Equal(NodeStage.None, pair.Secondary!.GetStatus().Stage);
        pair.ToSecondary.IsCut = false;
        await pair.StartAsync();
    }

    [Fact]
    public async Task A_start_whose_first_disk_fails_is_undone_on_all_disks_of_both_nodes()
    {
        await using TestPair pair = await TestPair.OpenAsync(disks: 3);
        pair.SecondaryFaults.Add("node=disk0 op=write error=EIO");
        Assert.Equal(VerbFailure.Failed, (await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync())).Failure);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        Assert.Equal(NodeStage.None, pair.Secondary!.GetStatus().Stage);
        Assert.Equal(0UL, pair.Primary.GetStatus().Epoch);
        await pair.Guest(1).WriteAsync(0, new byte[512]);
        await BlockAssert.FailsAsync(pair.View(1).ReadAsync(0, new byte[512]));
    }

    [Fact]
    public async Task Every_write_is_mirrored_and_the_view_stays_at_the_checkpoint()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        byte[] data = new byte[s_some.LengthBytes];
        Array.Fill(data, (byte)0x22);
        await pair.Guest().WriteAsync(s_some.OffsetBytes, data);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], s_some, 0x22);
        await BlockAssert.FilledAsync(pair.View(), s_some, 0x11);
        Assert.Equal(2UL, await pair.CheckpointAsync());
        await BlockAssert.FilledAsync(pair.View(), s_some, 0x22);
        Assert.Equal(2UL, pair.Secondary!.GetStatus().Epoch);
        Assert.Equal(0, pair.Secondary.GetStatus().Disks[0].HiddenBytes);
    }

    [Fact]
    public async Task A_start_whose_commit_reply_is_lost_leaves_a_detached_primary_and_the_next_start_adopts_the_epoch()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.ToSecondary.LoseReplyOf = nameof(IReplicationPeer.CommitCheckpointAsync);
        Assert.Equal(VerbFailure.Unreachable, (await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync())).Failure);
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        Assert.Equal(NodeStage.Running, pair.Secondary!.GetStatus().Stage);
        StartResult second = await pair.StartAsync();
        Assert.Equal(2UL, second.Epoch);
        Assert.Equal(2UL, pair.Secondary.GetStatus().Epoch);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task After_stop_both_disks_are_equal_and_the_view_only_reads()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Guest().WriteAsync(0, new byte[4096]);
        await pair.View().WriteAsync(65536, new byte[4096]);
        Assert.Equal(2UL, await pair.Primary.StopAsync(default));
        Assert.Equal(NodeStage.Stopped, pair.Primary.GetStatus().Stage);
        Assert.Equal(NodeStage.Stopped, pair.Secondary!.GetStatus().Stage);
        await pair.DisksAreEqualAsync();
        await BlockAssert.SameAsync(pair.PrimaryDisks[0], pair.View());
        await BlockAssert.FailsAsync(pair.View().WriteAsync(0, new byte[512]));
        Assert.Equal(VerbFailure.Refused, (await Assert.ThrowsAsync<VerbException>(pair.CheckpointAsync)).Failure);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_read_of_a_stopped_secondary_never_sees_the_next_sync()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.StopAsync(default);
        byte[] seen = new byte[4096];
        pair.SecondaryFaults.Add("node=disk0 op=read nth=1 count=1 break=mid");
        Task read = pair.View().ReadAsync(0, seen).AsTask();
        await pair.SecondaryFaults.Breakpoint("mid").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest().WriteAsync(0, new byte[4096]);
        VerbException refused = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Contains("cannot go over to a sync", refused.Message);
        Assert.Equal(NodeStage.Stopped, pair.Secondary!.GetStatus().Stage);
        pair.SecondaryFaults.Breakpoint("mid").Release();
        await read.WaitAsync(TestTimeouts.Patience);
        Assert.All(seen, value => Assert.Equal(0x11, value));
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_first_commit_that_fails_leaves_the_secondary_in_the_generation_of_its_view()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.FailoverAsync(force: false, default);
        Assert.Equal(2UL, pair.Primary.GetStatus().Generation.Number);
        pair.ToSecondary.AfterCallOf = (
            nameof(IReplicationPeer.CompleteSyncAsync), () => pair.SecondaryFaults.Add("node=record op=write nth=1 count=1 error=EIO"));
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal((NodeStage.Running, 1UL), (pair.Secondary!.GetStatus().Stage, pair.Secondary.GetStatus().Generation.Number));
        await pair.StartAsync();
        Assert.Equal(2UL, pair.Secondary.GetStatus().Generation.Number);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task Stop_waits_for_a_slow_flush_of_the_secondary_without_holding_the_guest()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.SecondaryFaults.Add("node=disk0 op=flush nth=1 break=slow");
        Task<ulong> stop = pair.Primary.StopAsync(default);
        await pair.SecondaryFaults.Breakpoint("slow").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest().WriteAsync(0, new byte[4096]).AsTask().WaitAsync(TestTimeouts.Patience);
        Assert.False(stop.IsCompleted);
        pair.SecondaryFaults.Breakpoint("slow").Release();
        Assert.Equal(2UL, await stop.WaitAsync(TestTimeouts.Patience));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_new_secondary_takes_over_the_epoch_of_a_primary_that_has_a_past()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.CheckpointAsync();
        await pair.Primary.StopAsync(default);
        await pair.ReplaceSecondaryAsync();
        StartResult result = await pair.StartAsync();
        Assert.Equal(4UL, result.Epoch);
        Assert.Equal(4UL, pair.Secondary!.GetStatus().Epoch);
        Assert.Equal(5UL, await pair.CheckpointAsync());
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_mirror_that_is_lost_right_after_the_first_commit_leaves_the_primary_detached()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.CommitCheckpointAsync), () => pair.Transport.Cut("lost with the commit's reply"));
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(NodeStage.Detached, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[4096]);
        Assert.Contains(
            "detached", (await Assert.ThrowsAsync<VerbException>(() => pair.Secondary!.FailoverAsync(false, default))).Message, StringComparison.Ordinal);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_session_that_is_lost_while_the_gate_closes_leaves_no_child_behind()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.PrimaryFaults.Add("node=disk0 op=write nth=1 break=inside");
        Task write = pair.Guest().WriteAsync(0, new byte[512]).AsTask();
        await pair.PrimaryFaults.Breakpoint("inside").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task<StartResult> start = pair.StartAsync();
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Syncing);

        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().MirrorTransport.Length == 0);
        pair.PrimaryFaults.Breakpoint("inside").Release();
        await Assert.ThrowsAsync<VerbException>(() => start);
        await write;

        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }
}
