using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>A view that somebody reads for longer than its epoch.</summary>
public sealed class PinnedViewTests
{
    private const int Block = GroupFixture.BlockBytes;
    private const byte Old = GroupFixture.OldByte;

    [Fact]
    public async Task It_goes_with_the_view_until_a_checkpoint_and_stays_what_it_was_then()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Mirror().FillAsync(Blocks(0, 4), 0x21);
        await fixture.Guest.FillAsync(Blocks(8, 1), 0x31);
        PinnedView pinned = await PinAsync(fixture);
        await fixture.Guest.FillAsync(Blocks(9, 1), 0x32);
        await CheckAsync(pinned, (8, 0x31), (9, 0x32));

        await fixture.CheckpointAsync();
        Assert.True(pinned.IsOver);
        await fixture.Mirror().FillAsync(Blocks(2, 4), 0x22);
        await fixture.Mirror().DiscardAsync(Blocks(8, 2));
        await fixture.Guest.FillAsync(Blocks(20, 1), 0x33);
        await CheckAsync(pinned, (8, 0x31), (9, 0x32));
        await fixture.CheckpointAsync();
        await fixture.Mirror().FillAsync(new BlockRange(0, fixture.Disk.LengthBytes), 0x23);
        await CheckAsync(pinned, (8, 0x31), (9, 0x32));
        await BlockAssert.FilledAsync(fixture.Guest, Blocks(0, 2), 0x21);
        await BlockAssert.FilledAsync(fixture.Guest, Blocks(2, 4), 0x22);
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task A_checkpoint_beside_it_does_nothing_under_its_gate_but_write_the_record()
    {
        var done = new List<string>();
        SecondaryGroup? group = null;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f =>
        {
            foreach (string name in (string[])["disk0", "disk0.active", "disk0.hidden", "disk0.active.marks", "disk0.hidden.marks", "record"])
            {
                f.Wrap[name] = node => new HookNode(node)
                {
                    Before = (operation, _) =>
                    {
                        if (group?.Gate.IsShut == true)
                            done.Add($"{operation} {name}");
                        return Task.CompletedTask;
                    },
                };
            }
        });
        group = fixture.Group;
        PinnedView pinned = await PinAsync(fixture);
        for (int block = 0; block < 500; block += 2)
        {
            await fixture.Mirror().FillAsync(Blocks(block, 1), 0x21);
            await fixture.Guest.FillAsync(Blocks(block + 1, 1), 0x31);
        }

        await fixture.CheckpointAsync();
        Assert.Equal(["Write record"], done);
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task Each_of_several_epochs_shows_its_own()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        var pinned = new List<PinnedView>();
        for (byte epoch = 1; epoch <= 4; epoch++)
        {
            pinned.Add(await PinAsync(fixture));
            pinned.Add(await PinAsync(fixture));
            await fixture.Guest.FillAsync(Blocks(100 + epoch, 1), epoch);
            await fixture.Mirror().FillAsync(Blocks(epoch, 8), (byte)(0x20 + epoch));
            await fixture.CheckpointAsync();
        }

        await fixture.Mirror().FillAsync(new BlockRange(0, fixture.Disk.LengthBytes), 0x77);
        byte[] view = new byte[fixture.Disk.LengthBytes];
        Array.Fill(view, Old);
        for (byte epoch = 1; epoch <= 4; epoch++)
        {
            byte[] shown = [.. view];
            shown.AsSpan((100 + epoch) * Block, Block).Fill(epoch);
            BlockAssert.Equal(shown, await pinned[(2 * epoch) - 2].ReadAllAsync());
            BlockAssert.Equal(shown, await pinned[(2 * epoch) - 1].ReadAllAsync());
            view.AsSpan(epoch * Block, 8 * Block).Fill((byte)(0x20 + epoch));
        }

        foreach (PinnedView view1 in pinned)
            await view1.ReleaseAsync();
    }

    [Fact]
    public async Task An_old_one_stays_through_a_promotion_its_commit_and_the_guests_writes_and_a_live_one_goes_on()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Guest.FillAsync(Blocks(5, 1), 0x31);
        PinnedView old = await PinAsync(fixture);
        await fixture.CheckpointAsync();
        await fixture.Mirror().FillAsync(Blocks(0, 4), 0x21);
        await fixture.Guest.FillAsync(Blocks(6, 1), 0x32);
        PinnedView live = await PinAsync(fixture);
        await fixture.FailoverAsync();
        await fixture.Guest.FillAsync(Blocks(7, 3), 0x33);
        Assert.Equal(NodeStage.Done, fixture.Group.Stage);
        await CheckAsync(old, (5, 0x31));
        Assert.False(live.IsOver);
        await CheckAsync(live, (6, 0x32), (7, 0x33), (8, 0x33), (9, 0x33));
        await old.ReleaseAsync();
        await live.ReleaseAsync();
        Assert.Equal(0, fixture.Group.OverlayUsedBytes);
    }

    [Fact]
    public async Task A_sync_that_abandons_the_view_leaves_it_to_who_has_pinned_it()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Guest.FillAsync(Blocks(5, 1), 0x31);
        PinnedView pinned = await PinAsync(fixture);
        SwitchResult abandoned = await fixture.Group.CheckpointAsync(new SwitchRequest
        {
            Next = record => record with { Stage = NodeStage.Syncing },
            WithOverlays = false,
            AbandonsView = true,
            Deadline = TestTimeouts.Patience,
        });
        Assert.True(abandoned.Switched, abandoned.Reason);
        Assert.Equal(ViewState.None, fixture.Group.ViewState);
        await fixture.Mirror().FillAsync(new BlockRange(0, fixture.Disk.LengthBytes), 0x22);
        await CheckAsync(pinned, (5, 0x31));
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task What_it_took_is_given_back_with_the_last_that_needs_it()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(parent: "/dev/shm");
        await fixture.Mirror().FillAsync(Blocks(0, 64), 0x21);
        PinnedView[] pinned = [await PinAsync(fixture), await PinAsync(fixture)];
        await fixture.CheckpointAsync();
        await fixture.Mirror().FillAsync(Blocks(64, 64), 0x22);
        long both = fixture.Group.OverlayUsedBytes;
        Assert.InRange(both, 192 * Block, 220 * Block);
        await pinned[0].ReleaseAsync();
        Assert.Equal(both, fixture.Group.OverlayUsedBytes);
        await pinned[1].ReleaseAsync();
        Assert.InRange(fixture.Group.OverlayUsedBytes, 64 * Block, 80 * Block);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, pinned[0].ReadAsync(0, new byte[1]));
    }

    [Fact]
    public async Task Nothing_is_kept_where_nobody_reads_it_any_more()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync(parent: "/dev/shm");
        PinnedView[] pinned = [await PinAsync(fixture), await PinAsync(fixture)];
        await HeldAsync(fixture, () =>
        {
            pinned[0].Watch(() => { }, _ => { }, range => range.Overlaps(Blocks(0, 4)));
            pinned[1].Watch(() => { }, _ => { }, range => range.Overlaps(Blocks(64, 4)));
        });
        await fixture.CheckpointAsync();
        long before = fixture.Group.OverlayUsedBytes;
        for (int block = 0; block < 200; block++)
            await fixture.Mirror().FillAsync(Blocks(block, 1), 0x22);
        // The live epoch has all of them, and the old one those eight.
        Assert.InRange(fixture.Group.OverlayUsedBytes - before, 208 * Block, 212 * Block);
        await BlockAssert.FilledAsync(pinned[0], Blocks(0, 4), Old);
        await BlockAssert.FilledAsync(pinned[1], Blocks(64, 4), Old);
        foreach (PinnedView view in pinned)
            await view.ReleaseAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_room_runs_out_it_is_lost_and_neither_the_mirror_nor_the_guest_hears_of_it(bool guest)
    {
        const long limit = 1 << 20;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(parent: "/dev/shm", prepare: f => f.LimitBytes = limit);
        await fixture.Mirror().FillAsync(Blocks(0, 100), 0x21);
        PinnedView pinned = await PinAsync(fixture);
        BlockException? lost = null;
        await HeldAsync(fixture, () => pinned.Watch(() => { }, why => lost = why));
        await fixture.CheckpointAsync();
        // More than there is beside what the old epoch has, less than the limit.
        BlockNode writer = guest ? fixture.Guest : fixture.Mirror();
        for (int block = 200; block < 400; block++)
            await writer.FillAsync(Blocks(block, 1), 0x22);
        Assert.NotNull(lost);
        Assert.Empty(fixture.Failures);
        BlockException denied = await BlockAssert.FailsAsync(pinned.ReadAsync(0, new byte[Block]));
        Assert.Equal(Errno.EACCES, denied.Errno);
        Assert.InRange(fixture.Group.OverlayUsedBytes, 200 * Block, limit);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        await pinned.ReleaseAsync();
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
    }

    [Fact]
    public async Task A_copy_that_fails_loses_it_and_not_the_mirrored_write()
    {
        HookNode hidden = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0.hidden"] = node =>
        {
            var hook = new HookNode(node);
            hidden ??= hook;
            return hook;
        });
        PinnedView pinned = await PinAsync(fixture);
        await fixture.CheckpointAsync();
        hidden.Fail(BlockOperation.Write);
        await fixture.Mirror().FillAsync(Blocks(0, 1), 0x22);
        Assert.Empty(fixture.Failures);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(pinned.ReadAsync(9 * Block, new byte[1]))).Errno);
        await BlockAssert.FilledAsync(fixture.Guest, Blocks(0, 1), Old);
        await pinned.ReleaseAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reader_that_found_a_block_in_the_disk_gets_no_content_of_later_epochs(bool writesBeforeItReads)
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = Immediate(node));
        PinnedView pinned = await PinAsync(fixture);
        await fixture.CheckpointAsync();
        disk.Immediate.Remove(BlockOperation.Read);
        byte[] seen = Poison.Buffer(Block);
        Task read = pinned.ReadAsync(0, seen).AsTask();
        DeferredRequest lookedUp = Assert.Single(disk.Pending);
        if (!writesBeforeItReads)
            await lookedUp.ReleaseAsync();
        disk.Immediate.Add(BlockOperation.Read);
        await fixture.Mirror().FillAsync(Blocks(0, 1), 0x22);
        if (writesBeforeItReads)
            await lookedUp.ReleaseAsync();
        await read;
        Assert.All(seen, value => Assert.Equal(Old, value));
        await pinned.ReleaseAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_writers_of_one_block_keep_its_content_once_and_before_either_writes(bool lateFirst)
    {
        // Behind a promotion the commit's step and the guest's write come to the disk by different ways: here two that nothing else puts in order.
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = Immediate(node));
        PinnedView pinned = await PinAsync(fixture);
        await fixture.CheckpointAsync();
        disk.Immediate.Remove(BlockOperation.Read);
        BlockNode keeper = fixture.Group.Disks[0].Node;
        Task first = keeper.WriteAsync(0, Filled(512, 0x22)).AsTask();
        Task second = keeper.WriteAsync(lateFirst ? 512 : 0, Filled(512, 0x23)).AsTask();
        await Assert.Single(disk.Pending).ReleaseAsync();
        await Task.WhenAll(first, second);
        Assert.Empty(disk.Pending);
        disk.Immediate.Add(BlockOperation.Read);
        await CheckAsync(pinned);
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task A_read_that_waits_at_the_gate_for_a_checkpoint_shows_the_old_epoch()
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = Immediate(node));
        PinnedView pinned = await PinAsync(fixture);
        await fixture.Guest.FillAsync(Blocks(0, 1), 0x31);
        disk.Immediate.Remove(BlockOperation.Write);
        Task mirrored = fixture.Mirror().WriteAsync(4 * Block, Filled(Block, 0x22)).AsTask();
        Task<SwitchResult> switching = fixture.TryCheckpointAsync().AsTask();
        Assert.True(fixture.Group.Gate.IsShut);
        byte[] seen = Poison.Buffer(Block);
        byte[] seenByGuest = Poison.Buffer(Block);
        Task read = pinned.ReadAsync(0, seen).AsTask();
        Task guestRead = fixture.Guest.ReadAsync(0, seenByGuest).AsTask();
        Assert.False(read.IsCompleted || guestRead.IsCompleted);
        await disk.ReleaseAllAsync();
        await Task.WhenAll(mirrored, switching, read, guestRead);
        Assert.All(seen, value => Assert.Equal(0x31, value));
        Assert.All(seenByGuest, value => Assert.Equal(Old, value));
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task A_kill_leaves_nothing_of_it()
    {
        await using GroupFixture fixture = await GroupFixture.StartedAsync();
        await fixture.Mirror().FillAsync(Blocks(0, 8), 0x21);
        PinnedView pinned = await PinAsync(fixture);
        await fixture.CheckpointAsync();
        await fixture.Mirror().FillAsync(Blocks(4, 8), 0x22);
        await using GroupFixture killed = await fixture.KilledAsync();
        await BlockAssert.FilledAsync(killed.Guest, Blocks(0, 8), 0x21);
        Assert.Equal(await killed.AllocatedBytesAsync(killed.OverlayPath), killed.Group.OverlayUsedBytes);
        await pinned.ReleaseAsync();
    }

    [Fact]
    public async Task A_switch_waits_for_who_holds_the_view_and_who_wants_to_hold_it_for_a_switch()
    {
        DeferredNode disk = null!;
        await using GroupFixture fixture = await GroupFixture.StartedAsync(prepare: f => f.Wrap["disk0"] = node => disk = Immediate(node));
        var held = await fixture.Group.HoldViewAsync();
        Task<SwitchResult> switching = fixture.TryCheckpointAsync().AsTask();
        Assert.False(switching.IsCompleted || fixture.Group.Gate.IsShut);
        fixture.Group.ReleaseView(held);
        Assert.True((await switching).Switched);

        disk.Immediate.Remove(BlockOperation.Write);
        Task mirrored = fixture.Mirror().WriteAsync(0, Filled(512, 0x22)).AsTask();
        switching = fixture.TryCheckpointAsync().AsTask();
        Task<PinnedView> pinning = PinAsync(fixture);
        Assert.False(pinning.IsCompleted);
        await disk.ReleaseAllAsync();
        await Task.WhenAll(mirrored, switching);
        PinnedView pinned = await pinning;
        Assert.False(pinned.IsOver);
        await pinned.ReleaseAsync();
    }

    private static BlockRange Blocks(int first, int count) => new((long)first * Block, (long)count * Block);

    private static byte[] Filled(int length, byte value) => [.. Enumerable.Repeat(value, length)];

    private static DeferredNode Immediate(BlockNode node)
    {
        var deferred = new DeferredNode(node, node.Name);
        foreach (BlockOperation operation in Enum.GetValues<BlockOperation>())
            deferred.Immediate.Add(operation);
        return deferred;
    }

    private static async Task<PinnedView> PinAsync(GroupFixture fixture)
    {
        PinnedView? pinned = null;
        await HeldAsync(fixture, () => pinned = fixture.Group.PinView(fixture.Group.Disks[0]));
        return pinned!;
    }

    private static async Task HeldAsync(GroupFixture fixture, Action act)
    {
        var held = await fixture.Group.HoldViewAsync();
        act();
        fixture.Group.ReleaseView(held);
    }

    // Old everywhere but in these blocks.
    private static async Task CheckAsync(PinnedView pinned, params (int Block, byte Value)[] blocks)
    {
        byte[] expected = new byte[pinned.LengthBytes];
        Array.Fill(expected, Old);
        foreach ((int block, byte value) in blocks)
            expected.AsSpan(block * Block, Block).Fill(value);
        BlockAssert.Equal(expected, await pinned.ReadAllAsync());
    }
}
