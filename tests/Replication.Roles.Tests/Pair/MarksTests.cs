using Replication.Block;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>What is marked is what travels: restarts, kills, other peers, and when marks are not trusted.</summary>
public sealed class MarksTests
{
    private const int Block = TestPair.BlockBytes;

    [Fact]
    public async Task Only_marked_blocks_travel_after_a_loss()
    {
        await using TestPair pair = await TestPair.StartedAsync(disks: 2);
        Assert.Equal(0, pair.DirtyBytes());
        await CutAsync(pair);
        await pair.Guest(1).WriteAsync(Block + 100, new byte[200]);
        await pair.Guest(1).WriteAsync(10 * Block, new byte[Block]);
        Assert.Equal([0, 2 * Block], pair.Primary.GetStatus().Disks.Select(disk => disk.DirtyBytes));
        StartResult start = await pair.StartAsync();
        Assert.Equal(2 * Block, start.SyncedBytes);
        await pair.DisksAreEqualAsync();
        Assert.Equal(0, pair.DirtyBytes());
        Assert.Equal(["digests", "marks"], pair.PrimaryJournal.Of(EventTypes.ResyncStarted).Select(fields => fields["way"]));
    }

    [Fact]
    public async Task Marks_outlive_a_restart_and_only_they_travel()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        await pair.Guest().WriteAsync(5 * Block, new byte[Block]);
        await pair.RestartPrimaryAsync();
        Assert.Equal(Block, pair.DirtyBytes());
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.Guest().WriteAsync(7 * Block, new byte[Block]);
        Assert.Equal(2 * Block, (await pair.StartAsync()).SyncedBytes);
        await pair.DisksAreEqualAsync();
    }

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task A_primary_killed_with_writes_on_their_way_sends_just_their_blocks(Acknowledge acknowledge)
    {
        await using TestPair pair = await TestPair.StartedAsync(acknowledge: acknowledge);
        pair.SecondaryFaults.Add("node=disk0 op=write break=held");
        byte[] data = new byte[Block];
        Task[] writes = [.. Enumerable.Range(3, 4).Select(i => pair.Guest().WriteAsync(i * Block, data).AsTask())];
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.KillPrimaryAsync(whenDead: pair.SecondaryFaults.Breakpoint("held").Release);
        Assert.Equal(4 * Block, pair.DirtyBytes());
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        Assert.Equal(4 * Block, (await pair.StartAsync()).SyncedBytes);
        await pair.DisksAreEqualAsync();
        await Task.WhenAll(writes.Select(write => write.ContinueWith(_ => { }, TaskScheduler.Default)));
    }

    [Fact]
    public async Task A_stopped_pair_starts_again_with_what_was_written_since()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.StopAsync(default);
        await pair.DisksAreEqualAsync();
        await pair.Guest().WriteAsync(2 * Block, new byte[Block]);
        await pair.RestartPrimaryAsync();
        Assert.Equal(Block, (await pair.StartAsync()).SyncedBytes);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_secondary_that_knows_nothing_is_compared_by_digests()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        await pair.SecondaryDisks[0].FillAsync(new BlockRange(0, 8 * Block), 0x99);
        await pair.ReplaceSecondaryAsync();
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        // From here on the marks are about the new one.
        await CutAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Equal(Block, (await pair.StartAsync()).SyncedBytes);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_primary_that_has_gone_on_alone_marks_nothing_and_is_compared_by_digests()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await pair.Primary.FailoverAsync(false, default);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Equal(0, pair.DirtyBytes());
        await pair.RestartPrimaryAsync();
        await pair.Guest().WriteAsync(3 * Block, new byte[Block]);
        await pair.StartAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_primary_that_never_replicated_marks_nothing_and_a_start_that_fails_leaves_it_so()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.SecondaryFaults.Add("node=disk0 op=write error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        Assert.Equal(0, pair.DirtyBytes());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Marks_that_are_damaged_or_gone_are_not_trusted(bool gone)
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        await pair.KillPrimaryAsync(damage: directory =>
        {
            string file = Path.Combine(directory, "disk0.dirty");
            if (gone)
                File.Delete(file);
            else
                File.WriteAllBytes(file, new byte[100]);
        });
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_lost_resync_keeps_every_mark_that_no_flush_has_covered()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        for (int i = 0; i < 4; i++)
            await pair.Guest().WriteAsync(i * 2 * Block, new byte[Block]);
        var rule = pair.SecondaryFaults.Add("node=disk0 op=flush error=EIO");
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Equal(4 * Block, pair.DirtyBytes());
        pair.SecondaryFaults.Remove(rule);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        Assert.Equal(4 * Block, (await pair.StartAsync()).SyncedBytes);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_full_sync_that_is_lost_leaves_every_block_marked_that_it_did_not_reach()
    {
        await using TestPair pair = await TestPair.StartedAsync(disks: 2);
        await CutAsync(pair);
        byte[] differs = [.. Enumerable.Repeat((byte)0xAB, Block)];
        await pair.Guest(1).WriteAsync(10 * Block, differs);
        // The sync stands before the second disk; a write into a block that differs is answered, and marks are cleared meanwhile.
        pair.PrimaryFaults.Add("node=disk1 op=status nth=1 break=before");
        Task<StartResult> start = pair.StartAsync(SyncMode.Full);
        await pair.PrimaryFaults.Breakpoint("before").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await pair.Guest(1).WriteAsync((10 * Block) + 512, new byte[512]);
        await pair.Guest(1).WriteAsync(20 * Block, new byte[Block]);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Disks[1].DirtyBytes <= Block);
        pair.Transport.Cut("the link is cut");
        pair.PrimaryFaults.Breakpoint("before").Release();
        await Assert.ThrowsAsync<VerbException>(() => start);
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
        Assert.Equal("marks", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
    }

    [Fact]
    public async Task Marks_of_a_sync_with_another_secondary_that_never_committed_are_not_about_the_old_one()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        await pair.Guest().WriteAsync(10 * Block, new byte[Block]);
        // Another secondary, blank: its sync completes, its first commit never comes.
        await pair.UseSecondaryAsync("other");
        pair.ToSecondary.AfterCallOf = (nameof(IReplicationPeer.CompleteSyncAsync), () => pair.ToSecondary.IsCut = true);
        await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        // Back to the first one, which lacks what was marked.
        await pair.UseSecondaryAsync("");
        pair.ToSecondary.IsCut = false;
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
        await pair.StartAsync();
        Assert.Equal("digests", pair.PrimaryJournal.Of(EventTypes.ResyncStarted)[^1]["way"]);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_write_whose_mark_fails_changes_nothing()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.PrimaryFaults.Add("node=disk0.dirty op=write error=EIO");
        await BlockAssert.FailsAsync(pair.Guest().WriteAsync(0, new byte[Block]));
        await BlockAssert.FilledAsync(pair.PrimaryDisks[0], new BlockRange(0, Block), 0x11);
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_write_that_comes_while_the_node_ends_does_not_go_unmarked()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        await CutAsync(pair);
        await pair.Guest().WriteAsync(0, new byte[Block]);
        BlockNode guest = pair.Guest();
        await pair.Primary.DisposeAsync();
        await BlockAssert.FailsAsync(guest.WriteAsync(5 * Block, new byte[Block]));
        await pair.OpenPrimaryAsync();
        await BlockAssert.FilledAsync(pair.PrimaryDisks[0], new BlockRange(5 * Block, Block), 0x11);
        Assert.Equal(Block, pair.DirtyBytes());
    }

    private static async Task CutAsync(TestPair pair)
    {
        pair.Transport.Cut("the link is cut");
        await Eventually.TrueAsync(() => pair.Primary.GetStatus().Stage == NodeStage.Detached);
    }
}
