using Replication.Block.Faults;
using Replication.Block.State;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>The sync and the commit of a pair as jobs of their nodes, beside people's.</summary>
public sealed class PairJobTests
{
    private const long DiskBytes = 8 << 20;

    [Fact]
    public async Task A_sync_shows_what_it_has_done_and_is_in_no_list_and_no_event()
    {
        await using TestPair pair = await OpenAsync();
        Breakpoint held = Hold(pair, "node=disk0 op=write offset=4MiB length=4MiB break=held");
        Assert.Null(pair.Primary.GetStatus().Progress);
        Task<StartResult> start = pair.StartAsync(SyncMode.Full);
        await held.WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        ProgressStatus progress = pair.Primary.GetStatus().Progress!;
        Assert.Equal(("sync", DiskBytes), (progress.Activity, progress.TotalBytes));
        Assert.InRange(progress.DoneBytes, 0, DiskBytes - 1);
        Assert.Empty(pair.Primary.Jobs.Engine.Query());
        held.Release();
        await start.WaitAsync(TestTimeouts.Patience);
        Assert.Null(pair.Primary.GetStatus().Progress);
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.JobStatusChange));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_sync_that_is_interrupted_leaves_nothing_of_its_job()
    {
        await using TestPair pair = await OpenAsync();
        Breakpoint held = Hold(pair, "node=disk0 op=write break=held");
        using var cancelled = new CancellationTokenSource();
        Task<StartResult> start = pair.Primary.StartAsync(NodeRole.Primary, SyncMode.Full, abandonView: false, cancelled.Token);
        await held.WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        await cancelled.CancelAsync();
        held.Release();
        Assert.Contains("cancelled", (await Assert.ThrowsAsync<VerbException>(() => start)).Message, StringComparison.Ordinal);
        Assert.Null(pair.Primary.GetStatus().Progress);
        Assert.Empty(pair.PrimaryJournal.Of(EventTypes.ResyncCompleted));
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_commit_shows_what_it_has_done_also_when_it_is_over()
    {
        await using TestPair pair = await OpenAsync();
        await pair.StartAsync();
        await FillAsync(pair.Guest(), 0, 64 << 10, 0x22);
        await FillAsync(pair.View(), 1 << 20, 32 << 10, 0x33);
        Breakpoint held = Hold(pair, "node=disk0.commit op=write break=held");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await held.WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        NodeStatus status = pair.Secondary.GetStatus();
        Assert.Equal(new ProgressStatus("commit", 0, 96 << 10), status.Progress);
        Assert.Empty(pair.Secondary.Jobs.Engine.Query());
        held.Release();
        await Eventually.TrueAsync(() => pair.SecondaryJournal.Of(EventTypes.FailoverCompleted).Count == 1);
        status = pair.Secondary.GetStatus();
        Assert.Equal((NodeStage.Done, 96L << 10), (status.Stage, status.CommittedBytes));
        Assert.Null(status.Progress);
        Assert.Empty(pair.SecondaryJournal.Of(EventTypes.JobStatusChange));
    }

    [Fact]
    public async Task A_commit_that_fails_says_how_far_it_got_and_can_be_asked_for_again()
    {
        await using TestPair pair = await OpenAsync();
        await pair.StartAsync();
        await FillAsync(pair.View(), 0, 4096, 0x33);
        await FillAsync(pair.View(), 1 << 20, 4096, 0x33);
        pair.SecondaryFaults.Add("node=disk0.commit op=write nth=2 count=1 error=EIO");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.SecondaryJournal.Of(EventTypes.FailoverFailed).Count == 1);
        NodeStatus status = pair.Secondary.GetStatus();
        Assert.Equal((NodeStage.FailoverFailed, 4096L), (status.Stage, status.CommittedBytes));
        await pair.Secondary.FailoverAsync(force: false, default);
        await Eventually.TrueAsync(() => pair.SecondaryJournal.Of(EventTypes.FailoverCompleted).Count == 1);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], new(1 << 20, 4096), 0x33);
    }

    [Fact]
    public async Task A_node_that_ends_in_the_middle_of_its_commit_leaves_it_to_its_next_run()
    {
        await using TestPair pair = await OpenAsync();
        await pair.StartAsync();
        await FillAsync(pair.View(), 0, 4096, 0x33);
        await FillAsync(pair.View(), 1 << 20, 4096, 0x33);
        Breakpoint held = Hold(pair, "node=disk0.commit op=write break=held");
        await pair.Secondary!.FailoverAsync(force: false, default);
        await held.WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        Task end = pair.Secondary.DisposeAsync().AsTask();
        // The commit ends with its step: the other block is left.
        Assert.True(held.ReleaseOne());
        await end.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(1, held.Hits);
        Assert.Empty(pair.SecondaryJournal.Of(EventTypes.FailoverFailed));
        held.Release();
        await pair.OpenSecondaryAsync();
        await Eventually.TrueAsync(() => pair.SecondaryJournal.Of(EventTypes.FailoverCompleted).Count == 1);
        await BlockAssert.FilledAsync(pair.SecondaryDisks[0], new(1 << 20, 4096), 0x33);
    }

    [Fact]
    public async Task A_backup_beside_a_sync_is_the_disk_as_it_was_at_its_moment()
    {
        await using TestPair pair = await OpenAsync();
        Breakpoint held = Hold(pair, "node=disk0 op=write offset=4MiB length=4MiB break=held");
        Task<StartResult> start = pair.StartAsync(SyncMode.Full);
        await held.WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        byte[] then = pair.PrimaryDisks[0].Snapshot();
        await BackupAsync(pair, pair.Primary);
        await FillAsync(pair.Guest(), 0, 4096, 0x22);
        held.Release();
        await start.WaitAsync(TestTimeouts.Patience);
        await EndedAsync(pair.Primary, pair.PrimaryJournal);
        Assert.True(then.AsSpan().SequenceEqual(pair.Targets["target"].Snapshot()));
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task A_backup_that_waits_for_its_speed_does_not_keep_a_sync_from_its_end()
    {
        await using TestPair pair = await OpenAsync();
        await BackupAsync(pair, pair.Primary, speed: 1);
        await pair.StartAsync(SyncMode.Full).WaitAsync(TestTimeouts.Patience);
        await pair.DisksAreEqualAsync();
        Assert.Equal(JobStatus.Running, Assert.Single(pair.Primary.Jobs.Engine.Query()).Status);
    }

    private static async Task<TestPair> OpenAsync()
    {
        var pair = new TestPair(diskBytes: DiskBytes) { Targets = { ["target"] = new MemoryNode(DiskBytes, "target", fill: 0x55) } };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        return pair;
    }

    private static Breakpoint Hold(TestPair pair, string rule)
    {
        pair.SecondaryFaults.Add(rule);
        return pair.SecondaryFaults.Breakpoint("held");
    }

    private static Task<JobInfo> BackupAsync(TestPair pair, GroupNode node, long speed = 0)
    {
        Assert.True(pair.Targets.ContainsKey("target"));
        var command = new BackupCommand
        {
            Device = "disk0",
            Target = "target",
            Mode = TargetMode.Existing,
            Sync = BackupSync.Full,
            JobId = "copy",
            SpeedBytesPerSecond = speed,
        };
        return node.Jobs.Commands.BackupAsync(command, default);
    }

    private static async Task EndedAsync(GroupNode node, TestJournal journal)
    {
        await Eventually.TrueAsync(() => node.Jobs.Engine.Query().Count == 0);
        Assert.False(Assert.Single(journal.Of(EventTypes.JobCompleted)).ContainsKey("errno"));
    }

    private static Task FillAsync(Block.BlockNode node, long offsetBytes, int lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        return node.WriteAsync(offsetBytes, data).AsTask();
    }
}
