using Replication.Block.Overlay;
using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>A full overlay: the mirror's writes fail and the view stays; the secondary's guest goes on.</summary>
public sealed class OverlayLimitTests
{
    private const int Block = GroupFixture.BlockBytes;
    private const long LimitBytes = 1 << 20;
    private const long LengthBytes = (4 << 20) + 512;

    [Fact]
    public async Task An_undo_copy_without_room_fails_the_mirrored_write_and_keeps_the_view()
    {
        await using GroupFixture fixture = await LimitedAsync();
        long failedAt = await FillMirrorAsync(fixture);
        Assert.InRange(failedAt, LimitBytes / 2, LimitBytes);
        Assert.Equal([OverlayPressure.Soft, OverlayPressure.Hard], fixture.Pressures);
        (SecondaryFailure failure, string disk, BlockException error) = Assert.Single(fixture.Failures);
        Assert.Equal((SecondaryFailure.UndoCopy, "disk0", Errno.ENOSPC), (failure, disk, error.Errno));
        Assert.InRange(fixture.Group.OverlayUsedBytes, 0, LimitBytes - (LimitBytes / 16));
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, LengthBytes), GroupFixture.OldByte);

        // What needs no undo goes on; what needs it is refused, though a smaller one might fit.
        await fixture.Mirror().FillAsync(new BlockRange(0, Block), 0x23);
        await BlockAssert.FailsAsync(BlockErrorKind.NoSpace, fixture.Mirror().WriteAsync(LengthBytes - 512, new byte[512]));
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, LengthBytes), GroupFixture.OldByte);
    }

    [Fact]
    public async Task The_guest_goes_on_in_blocks_that_it_has_and_in_the_reserve()
    {
        await using GroupFixture fixture = await LimitedAsync();
        await fixture.Guest.FillAsync(new BlockRange(2 << 20, Block), 0x31);
        await FillMirrorAsync(fixture);
        long newBytes = 0;
        BlockException? full = null;
        for (long offset = 3 << 20; full is null; offset += Block)
        {
            full = await TryFillAsync(fixture.Guest, offset, 0x32);
            newBytes += full is null ? Block : 0;
        }

        Assert.Equal((BlockErrorKind.NoSpace, Errno.ENOSPC), (full.Kind, full.Errno));
        // The reserve, but for a page of marks, and what the undo copy had left.
        Assert.InRange(newBytes, (LimitBytes / 16) - (2 * Block), (LimitBytes / 16) + (256 << 10));
        Assert.InRange(fixture.Group.OverlayUsedBytes, 0, LimitBytes);
        Assert.Equal(SecondaryFailure.ActiveDisk, fixture.Failures[^1].Failure);
        await fixture.Guest.FillAsync(new BlockRange(2 << 20, Block), 0x33);
        await fixture.Guest.FillAsync(new BlockRange(3 << 20, newBytes), 0x34);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(2 << 20, Block), 0x33);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(3 << 20, newBytes), 0x34);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange((3 << 20) + newBytes, Block), GroupFixture.OldByte);
    }

    [Fact]
    public async Task No_undo_copy_takes_what_the_reserve_gave_up()
    {
        await using GroupFixture fixture = await LimitedAsync();
        await FillMirrorAsync(fixture);
        await fixture.Guest.FillAsync(new BlockRange(3 << 20, Block), 0x32);
        fixture.BeginSession();
        long failedAt = await FillMirrorAsync(fixture, from: 2 << 20);
        Assert.InRange(failedAt, 2 << 20, (2 << 20) + (256 << 10));
        for (long offset = (3 << 20) + Block; offset < (3 << 20) + (48 << 10); offset += Block)
            Assert.Null(await TryFillAsync(fixture.Guest, offset, 0x32));
    }

    [Fact]
    public async Task A_checkpoint_makes_room_fills_the_reserve_and_tells_the_limits_again()
    {
        await using GroupFixture fixture = await LimitedAsync();
        for (int epoch = 1; epoch <= 3; epoch++)
        {
            BlockException? full = null;
            for (long offset = 0; full is null; offset += Block)
                full = await TryFillAsync(fixture.Guest, offset, 0x31);
            Assert.Equal(2 * epoch, fixture.Pressures.Count);
            await fixture.CheckpointAsync();
            Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
            Assert.InRange(fixture.Group.OverlayUsedBytes, 1, 16 * Block);
            Assert.Equal(LimitBytes - (LimitBytes / 16) - fixture.Group.OverlayUsedBytes, fixture.Group.OverlayFreeBytes);
        }
    }

    [Fact]
    public async Task A_full_file_system_takes_the_reserve_before_it_fails_the_guest()
    {
        bool isFull = false;
        int freed = 0;
        await using GroupFixture fixture = await LimitedAsync(f =>
        {
            f.Wrap["disk0.active"] = node => new HookNode(node)
            {
                Before = (operation, range) => isFull && operation == BlockOperation.Write ? throw Full(node, operation, range) : Task.CompletedTask,
            };
            f.Wrap["overlay.reserve"] = node => new HookNode(node)
            {
                After = (operation, _) =>
                {
                    if (operation == BlockOperation.Discard)
                        isFull = ++freed < 2;
                },
            };
        }, limitBytes: 4 << 20);
        isFull = true;
        await fixture.Guest.FillAsync(new BlockRange(8 * Block, Block), 0x31);
        Assert.Equal(2, freed);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(8 * Block, Block), 0x31);
        Assert.Equal([OverlayPressure.Hard], fixture.Pressures);
    }

    [Fact]
    public async Task A_failed_guest_write_leaves_no_room_taken()
    {
        bool fails = false;
        await using GroupFixture fixture = await LimitedAsync(f => f.Wrap["disk0.active"] = node => new HookNode(node)
        {
            // The write has taken effect and fails all the same, as one does that found room for a part.
            After = (operation, range) =>
            {
                if (fails && operation == BlockOperation.Write)
                    throw new BlockException(BlockErrorKind.Io, node.Name, operation, range, "told to fail");
            },
        });
        await fixture.Guest.FillAsync(new BlockRange(Block, Block), 0x31);
        long before = fixture.Group.OverlayUsedBytes;
        fails = true;
        await BlockAssert.FailsAsync(BlockErrorKind.Io, fixture.Guest.WriteAsync(100, new byte[5 * Block]));
        Assert.Equal(before, fixture.Group.OverlayUsedBytes);
        fails = false;
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(2 * Block, 8 * Block), GroupFixture.OldByte);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_failover_a_write_without_room_commits_its_block_first(bool byLimit)
    {
        bool isFull = false;
        await using GroupFixture fixture = await LimitedAsync(f =>
        {
            if (!byLimit)
            {
                f.Wrap["disk0.active"] = node => new HookNode(node)
                {
                    Before = (operation, range) => isFull && operation == BlockOperation.Write ? throw Full(node, operation, range) : Task.CompletedTask,
                };
            }
        });
        await fixture.Mirror().FillAsync(new BlockRange(0, 16 * Block), 0x22);
        for (long offset = 2 << 20; byLimit && await TryFillAsync(fixture.Guest, offset, 0x31) is null;)
            offset += Block;
        byte[] view = await fixture.Guest.ReadAllAsync();
        await fixture.PromoteAsync();
        isFull = true;
        long hiddenBytes = fixture.Group.Disks[0].HiddenBytes;
        await fixture.Guest.FillAsync(new BlockRange((3 * Block) + 100, 2 * Block), 0x41);
        view.AsSpan((3 * Block) + 100, 2 * Block).Fill(0x41);
        Assert.Equal(hiddenBytes - (3 * Block), fixture.Group.Disks[0].HiddenBytes);
        BlockAssert.Equal(view, await fixture.Guest.ReadAllAsync());
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange((3 * Block) + 100, 2 * Block), 0x41);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(3 * Block, 100), GroupFixture.OldByte);
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
        Assert.Equal(NodeStage.Done, fixture.Group.Stage);
        BlockAssert.Equal(view, fixture.Disk.Snapshot());
        Assert.Empty(Directory.EnumerateFiles(fixture.OverlayPath));
    }

    [Fact]
    public async Task What_the_budget_counts_is_what_the_files_hold()
    {
        Random random = DeterministicRandom.Create();
        bool fails = false;
        Func<BlockNode, BlockNode> unreliable = node => new HookNode(node)
        {
            Before = (operation, range) =>
                fails && operation == BlockOperation.Write && random.Next(6) == 0 ? throw Full(node, operation, range) : Task.CompletedTask,
            After = (operation, range) =>
            {
                if (fails && operation == BlockOperation.Write && random.Next(6) == 0)
                    throw new BlockException(BlockErrorKind.Io, node.Name, operation, range, "told to fail");
            },
        };
        await using GroupFixture fixture = await LimitedAsync(f => f.Wrap["disk0.active"] = f.Wrap["disk0.hidden"] = unreliable);
        fails = true;
        for (int step = 0; step < 200; step++)
        {
            long offset = random.NextInt64(LengthBytes - 1);
            int lengthBytes = (int)Math.Min(random.Next(1, 12 * Block), LengthBytes - offset);
            BlockNode target = random.Next(2) == 0 ? fixture.Guest : fixture.Mirror();
            ValueTask request = random.Next(4) == 0
                ? target.WriteZeroesAsync(new BlockRange(offset, lengthBytes))
                : target.WriteAsync(offset, random.Bytes(lengthBytes));
            if (await FailureAsync(request) is not null && target != fixture.Guest)
                fixture.BeginSession();
            if (random.Next(50) == 0)
            {
                _ = fixture.Mirror();
                await fixture.CheckpointAsync();
            }

            // A page of marks is taken with the first block that needs it; a write that fails leaves it to the next.
            long held = await fixture.AllocatedBytesAsync(fixture.OverlayPath);
            Assert.InRange(fixture.Group.OverlayUsedBytes, held, held + (2 * Block));
        }

        fails = false;
        fixture.BeginSession();
        _ = fixture.Mirror();
        await fixture.CheckpointAsync();
        await fixture.Guest.FillAsync(new BlockRange(0, Block), 1);
        await fixture.Mirror().FillAsync(new BlockRange(Block, 8 * Block), 2);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        await using GroupFixture killed = await fixture.KilledAsync();
        Assert.Equal(await killed.AllocatedBytesAsync(killed.OverlayPath), killed.Group.OverlayUsedBytes);
    }

    private static Task<GroupFixture> LimitedAsync(Action<GroupFixture>? prepare = null, long limitBytes = LimitBytes) =>
        GroupFixture.StartedAsync(lengthBytes: LengthBytes, parent: "/dev/shm", prepare: f =>
        {
            f.LimitBytes = limitBytes;
            f.SoftLimitBytes = limitBytes / 4 * 3;
            prepare?.Invoke(f);
        });

    // Where the first block lies that found no room.
    private static async Task<long> FillMirrorAsync(GroupFixture fixture, long from = 0)
    {
        for (long offset = from; ; offset += Block)
        {
            if (await TryFillAsync(fixture.Mirror(), offset, 0x22) is { } full)
            {
                Assert.Equal(BlockErrorKind.NoSpace, full.Kind);
                return offset;
            }
        }
    }

    private static Task<BlockException?> TryFillAsync(BlockNode node, long offset, byte value)
    {
        byte[] content = new byte[Block];
        Array.Fill(content, value);
        return FailureAsync(node.WriteAsync(offset, content));
    }

    private static async Task<BlockException?> FailureAsync(ValueTask request)
    {
        try
        {
            await request;
            return null;
        }
        catch (BlockException e)
        {
            return e;
        }
    }

    private static BlockException Full(BlockNode node, BlockOperation operation, BlockRange range) =>
        new(BlockErrorKind.NoSpace, node.Name, operation, range, "told to be full", Errno.ENOSPC);
}
