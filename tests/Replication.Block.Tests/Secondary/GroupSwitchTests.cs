using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

public sealed class GroupSwitchTests
{
    private const int Block = GroupFixture.BlockBytes;

    [Theory]
    [InlineData("disk0.hidden.marks")]
    [InlineData("disk1.active.marks")]
    [InlineData("disk2.hidden.marks")]
    public async Task Where_one_disk_of_three_fails_no_disk_starts_or_takes_the_checkpoint(string node)
    {
        await using GroupFixture fixture = await GroupFixture.CreateAsync(disks: 3);
        Func<BlockNode, BlockNode> fail = child =>
        {
            var hook = new HookNode(child);
            hook.Fail(BlockOperation.Write);
            return hook;
        };
        fixture.Wrap[node] = fail;
        SwitchResult start = await fixture.TryStartAsync();
        Assert.Equal(SwitchOutcome.Failed, start.Outcome);
        Assert.Equal(NodeStage.None, fixture.Group.Stage);
        Assert.Equal(0UL, fixture.Group.Record!.Epoch);
        Assert.Empty(Directory.EnumerateFiles(fixture.OverlayPath));

        fixture.Wrap.Remove(node);
        fixture.Worker.Automatic = false;
        await fixture.StartAsync();
        foreach (SecondaryDisk disk in fixture.Group.Disks)
            await disk.Guest.FillAsync(new BlockRange(0, Block), 0x33);
        fixture.Wrap[node] = fail;
        Assert.Equal(SwitchOutcome.Failed, (await fixture.TryCheckpointAsync()).Outcome);
        Assert.Equal(1UL, fixture.Group.Record!.Epoch);
        foreach (SecondaryDisk disk in fixture.Group.Disks)
            await BlockAssert.FilledAsync(disk.Guest, new BlockRange(0, Block), 0x33);

        fixture.Wrap.Remove(node);
        await fixture.CheckpointAsync();
        foreach (SecondaryDisk disk in fixture.Group.Disks)
            await BlockAssert.FilledAsync(disk.Guest, new BlockRange(0, Block), GroupFixture.OldByte);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_record_that_cannot_be_written_keeps_the_epoch_before_and_after_a_kill(bool tookEffect)
    {
        HookNode record = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(disks: 2, prepare: f => f.Wrap["record"] = node => record = new HookNode(node));
        await fixture.Guest.FillAsync(new BlockRange(0, Block), 0x33);
        await fixture.Mirror().FillAsync(new BlockRange(Block, Block), 0x22);
        int writes = 0;
        Action<BlockRange> failOnce = range =>
        {
            if (writes++ == 0)
                throw new BlockException(BlockErrorKind.Io, "record", BlockOperation.Write, range, "told to fail");
        };
        if (tookEffect)
            record.After = (_, range) => failOnce(range);
        else
            record.Before = (_, range) =>
            {
                failOnce(range);
                return Task.CompletedTask;
            };
        SwitchResult result = await fixture.TryCheckpointAsync();
        Assert.Equal(SwitchOutcome.Failed, result.Outcome);
        foreach (GroupFixture any in (GroupFixture[])[fixture, await fixture.KilledAsync()])
        {
            Assert.Equal(1UL, any.Group.Record!.Epoch);
            await BlockAssert.FilledAsync(any.Guest, new BlockRange(0, Block), 0x33);
            await BlockAssert.FilledAsync(any.Guest, new BlockRange(Block, Block), GroupFixture.OldByte);
            await any.CheckpointAsync();
            await BlockAssert.FilledAsync(any.Guest, new BlockRange(Block, Block), 0x22);
            if (any != fixture)
                await any.DisposeAsync();
        }
    }

    [Fact]
    public async Task Requests_between_lookup_and_completion_are_wholly_in_the_old_epoch_and_those_behind_them_in_the_new_one()
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = new DeferredNode(node, node.Name));
        byte[] seen = Poison.Buffer(512);
        Task mirrored = fixture.Mirror().WriteAsync(0, Filled(512, 0x22)).AsTask(); // waits in its undo copy
        Task read = fixture.Guest.ReadAsync(8 * Block, seen).AsTask();
        Task guestWrite = fixture.Guest.WriteAsync(16 * Block, Filled(512, 0x33)).AsTask(); // waits for the rest of its block
        Task<SwitchResult> checkpoint = fixture.TryCheckpointAsync().AsTask();
        Task lateWrite = fixture.Guest.WriteAsync(24 * Block, Filled(Block, 0x44)).AsTask();
        Task lateMirrored = fixture.Mirror().WriteAsync(512, Filled(512, 0x55)).AsTask();
        Assert.Equal(3, disk.Pending.Count);
        Assert.False(checkpoint.IsCompleted);
        while (!checkpoint.IsCompleted)
            await disk.ReleaseAllAsync();
        await Task.WhenAll(mirrored, read, guestWrite, lateWrite).WaitAsync(TestTimeouts.Patience);
        Assert.True((await checkpoint).Switched);
        while (!lateMirrored.IsCompleted)
            await disk.ReleaseAllAsync();
        foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
            disk.Immediate.Add(operation);
        Assert.Equal(Filled(512, GroupFixture.OldByte), seen);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 512), 0x22);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(512, 512), GroupFixture.OldByte);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(16 * Block, Block), GroupFixture.OldByte);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(24 * Block, Block), 0x44);
        Assert.Equal(Block, fixture.Group.Disks[0].ActiveBytes);
    }

    [Fact]
    public async Task A_checkpoint_gives_up_at_its_deadline_and_everything_goes_on()
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = new DeferredNode(node, node.Name));
        Task hung = fixture.Mirror().WriteAsync(0, new byte[512]).AsTask();
        Task<SwitchResult> checkpoint = fixture.TryCheckpointAsync().AsTask();
        Task write = fixture.Guest.WriteAsync(Block, Filled(Block, 0x33)).AsTask();
        Assert.False(write.IsCompleted);
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(SwitchOutcome.TimedOut, (await checkpoint.WaitAsync(TestTimeouts.Patience)).Outcome);
        await write.WaitAsync(TestTimeouts.Patience);
        while (!hung.IsCompleted)
            await disk.ReleaseAllAsync();
        foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
            disk.Immediate.Add(operation);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(Block, Block), 0x33);
        await fixture.CheckpointAsync();
    }

    [Fact]
    public async Task A_checkpoint_that_counts_other_writes_than_passed_is_refused_without_closing_the_gate()
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = new DeferredNode(node, node.Name));
        Task hung = fixture.Mirror().WriteAsync(0, new byte[512]).AsTask();
        Assert.Equal((1UL, 1L), (fixture.Session.Passed, fixture.Session.InFlight));
        foreach (ulong answered in (ulong[])[0, 1])
        {
            SwitchResult refused = await fixture.TryCheckpointAsync(() => fixture.Session.WhyNotDrained(answered));
            Assert.Equal(SwitchOutcome.Refused, refused.Outcome);
        }

        while (!hung.IsCompleted)
            await disk.ReleaseAllAsync();
        Assert.True((await fixture.TryCheckpointAsync(() => fixture.Session.WhyNotDrained(1))).Switched);
    }

    [Fact]
    public async Task A_restart_goes_on_in_its_epoch_and_removes_what_the_record_does_not_name()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(disks: 2);
        await fixture.CheckpointAsync();
        await fixture.Guest.FillAsync(new BlockRange(100, 5000), 0x33);
        await fixture.Mirror(1).FillAsync(new BlockRange(0, Block), 0x22);
        await File.WriteAllBytesAsync(Path.Combine(fixture.OverlayPath, "disk0.active.00000000000000ff.data"), new byte[10]);
        await using GroupFixture restarted = await fixture.KilledAsync();
        Assert.Equal((2UL, NodeStage.Running), (restarted.Group.Record!.Epoch, restarted.Group.Stage));
        await BlockAssert.FilledAsync(restarted.Guest, new BlockRange(100, 5000), 0x33);
        await BlockAssert.FilledAsync(restarted.Group.Disks[1].Guest, new BlockRange(0, Block), GroupFixture.OldByte);
        Assert.False(File.Exists(Path.Combine(restarted.OverlayPath, "disk0.active.00000000000000ff.data")));
        Assert.Equal(2 * 2 * 2 * 2, Directory.EnumerateFiles(restarted.OverlayPath).Count()); // the live set and the next one
    }

    [Fact]
    public async Task Lost_overlays_leave_a_group_that_serves_nothing_and_promotes_nothing()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Guest.FillAsync(new BlockRange(0, Block), 0x33);
        foreach (string file in Directory.EnumerateFiles(fixture.OverlayPath, "*.hidden.*.marks"))
            File.Delete(file);
        await fixture.ReopenAsync();
        Assert.True(fixture.Group.OverlaysLost);
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.ReadAsync(0, new byte[512]));
        await BlockAssert.FailsAsync(BlockErrorKind.Stage, fixture.Guest.WriteAsync(0, new byte[512]));
        Assert.Equal(SwitchOutcome.Refused, (await fixture.TryPromoteAsync()).Outcome);
        await fixture.StartAsync();
        Assert.False(fixture.Group.OverlaysLost);
    }

    private static byte[] Filled(int lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        return data;
    }

    [Fact]
    public async Task A_mirrored_write_that_outlives_the_group_does_not_pass_without_undo()
    {
        var hung = new TaskCompletionSource();
        int reads = 0;
        GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => new HookNode(node)
        {
            Before = (operation, _) => operation == BlockOperation.Read && ++reads == 1 ? hung.Task : Task.CompletedTask,
        });
        BlockNode mirror = fixture.Mirror();
        Task first = mirror.FillAsync(new BlockRange(0, 512), 0x22);
        Task second = mirror.FillAsync(new BlockRange(512, 512), 0x23);
        await fixture.Group.DisposeAsync();
        hung.SetResult();
        await Assert.ThrowsAsync<BlockException>(() => first.WaitAsync(TestTimeouts.Patience));
        await Assert.ThrowsAsync<BlockException>(() => second.WaitAsync(TestTimeouts.Patience));
        await fixture.State.DisposeAsync();
        await fixture.OpenAsync();
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 1024), GroupFixture.OldByte);
        await fixture.DisposeAsync();
    }
}
