using Replication.Block.Locks;
using Replication.Block.Secondary;
using Replication.Block.Tests.Secondary;
using Replication.Testing;

namespace Replication.Block.Tests.Overlay;

public sealed class CopyBeforeWriteTests
{
    private const int Block = GroupFixture.BlockBytes;

    [Fact]
    public async Task A_node_inside_a_request_blocks_overlapping_mirrored_writes_and_can_be_waited_for()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        var cow = fixture.Group.Disks[0].CopyBeforeWrite;
        RangeLock.Ticket request = await cow.BeginCowRequest(new BlockRange(100, 1));
        Task overlapping = fixture.Mirror().WriteAsync(Block - 512, new byte[512]).AsTask();
        Task elsewhere = fixture.Mirror().WriteAsync(Block, new byte[512]).AsTask();
        Task waiter = cow.WaitForOverlappingRequests(new BlockRange(0, 512)).AsTask();
        // A copy's own read goes on inside its request.
        await cow.ReadAsync(0, new byte[Block]);
        await elsewhere.WaitAsync(TestTimeouts.Patience);
        Assert.False(overlapping.IsCompleted);
        Assert.False(waiter.IsCompleted);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(0, Block), GroupFixture.OldByte);
        cow.EndCowRequest(request);
        await overlapping.WaitAsync(TestTimeouts.Patience);
        await waiter.WaitAsync(TestTimeouts.Patience);
        Assert.True(cow.WaitForOverlappingRequests(new BlockRange(0, Block)).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Only_blocks_that_neither_overlay_holds_are_copied_once_and_as_runs()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0.hidden"] = node => new HookNode(node));
        HookNode live = Live(fixture);
        var copies = new List<BlockRange>();
        live.After = (operation, range) => copies.Add(range);
        await fixture.Guest.FillAsync(new BlockRange(4 * Block, Block), 0x33);
        await fixture.Mirror().FillAsync(new BlockRange(Block + 100, 6 * Block), 0x22);
        Assert.Equal([new BlockRange(Block, 3 * Block), new BlockRange(5 * Block, 3 * Block)], copies);
        await fixture.Mirror().FillAsync(new BlockRange(Block, 7 * Block), 0x23);
        Assert.Equal(2, copies.Count);
    }

    [Fact]
    public async Task Where_an_undo_copy_fails_so_does_every_later_write_that_needs_one_and_the_view_stays()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0.hidden"] = node => new HookNode(node));
        BlockNode mirror = fixture.Mirror();
        await mirror.FillAsync(new BlockRange(0, Block), 0x22);
        HookNode hidden = Live(fixture);
        hidden.Fail(BlockOperation.Write, BlockErrorKind.NoSpace);
        BlockException error = await BlockAssert.FailsAsync(BlockErrorKind.NoSpace, mirror.WriteAsync(Block, new byte[Block]));
        Assert.Contains("told to fail", error.Message, StringComparison.Ordinal);
        hidden.Before = null;
        await BlockAssert.FailsAsync(mirror.WriteAsync(2 * Block, new byte[Block]));
        // Held blocks need no undo: the mirror goes on in them.
        await mirror.FillAsync(new BlockRange(0, Block), 0x23);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 4 * Block), GroupFixture.OldByte);
        Assert.True(fixture.Session.Failed);
        Assert.All(fixture.Failures, failure => Assert.Equal(SecondaryFailure.UndoCopy, failure.Failure));
        Assert.NotNull(fixture.Session.WhyNotDrained(fixture.Session.Passed));
        Assert.Equal(SwitchOutcome.Refused, (await fixture.TryCheckpointAsync()).Outcome);
        // The next session sends again what this one could not.
        await fixture.Group.Disks[0].CreateMirrorTarget(new MirrorSessionState(Guid.NewGuid())).FillAsync(new BlockRange(Block, 2 * Block), 0x24);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 4 * Block), GroupFixture.OldByte);
        await fixture.CheckpointAsync();
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(Block, 2 * Block), 0x24);
    }

    [Fact]
    public async Task A_failing_secondary_disk_is_told_from_a_failing_undo()
    {
        HookNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = new HookNode(node));
        disk.Fail(BlockOperation.Write);
        await BlockAssert.FailsAsync(fixture.Mirror().WriteAsync(0, new byte[512]));
        Assert.Equal(SecondaryFailure.SecondaryDisk, Assert.Single(fixture.Failures).Failure);
        disk.Fail(BlockOperation.Read);
        await BlockAssert.FailsAsync(fixture.Mirror().WriteAsync(Block, new byte[512]));
        Assert.Equal(SecondaryFailure.UndoCopy, fixture.Failures[^1].Failure);
    }

    [Fact]
    public async Task What_the_disk_holds_already_is_neither_undone_nor_written_when_comparing()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        fixture.Session.CompareBeforeWrite = true;
        BlockNode mirror = fixture.Mirror();
        byte[] same = new byte[(1 << 20) + 100];
        Array.Fill(same, GroupFixture.OldByte);
        int writes = fixture.Disk.Counts[BlockOperation.Write];
        await mirror.WriteAsync(100, same);
        Assert.Equal(0, fixture.Group.Disks[0].HiddenBytes);
        Assert.Equal(writes, fixture.Disk.Counts[BlockOperation.Write]);
        same[500_000] = 0x55;
        await mirror.WriteAsync(100, same);
        Assert.Equal(Block, fixture.Group.Disks[0].HiddenBytes);
        await BlockAssert.ContentAsync(fixture.Disk, 100, same);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 2 << 20), GroupFixture.OldByte);
    }

    [Fact]
    public async Task Trimming_a_sparse_disk_does_not_fill_the_overlay()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: 64 << 20, fill: 0);
        await fixture.Mirror().DiscardAsync(new BlockRange(0, 64 << 20));
        Assert.Equal(64 << 20, fixture.Group.Disks[0].HiddenBytes);
        Extent extent = await fixture.Guest.StatusAsync(new BlockRange(0, 64 << 20));
        Assert.Equal(new Extent(64 << 20, ExtentFlags.Hole | ExtentFlags.Zero), extent);
    }

    [Fact]
    public async Task Mirrored_writes_and_guest_requests_allocate_nothing_once_warm()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        BlockNode mirror = fixture.Mirror();
        byte[] data = new byte[Block];
        for (int i = 0; i < 200; i++)
            await mirror.WriteAsync(i * Block, data);
        for (int i = 0; i < 200; i++)
        {
            await fixture.Guest.WriteAsync(i * Block, data);
            await fixture.Guest.ReadAsync(i * Block, data);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 200; i < 400; i++)
        {
            await mirror.WriteAsync(i * Block, data);
            await fixture.Guest.WriteAsync(i * Block, data);
            await fixture.Guest.ReadAsync(i * Block, data);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200);
    }

    private static HookNode Live(GroupFixture fixture) => (HookNode)fixture.Group.Disks[0].CopyBeforeWrite.Layers!.Hidden.Files.First().Data;
}
