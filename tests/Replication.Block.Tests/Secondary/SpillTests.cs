using Replication.Block.Secondary;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>A full overlay directory with a second one behind it.</summary>
public sealed class SpillTests
{
    private const int Block = GroupFixture.BlockBytes;
    private const long LengthBytes = (4 << 20) + 512;
    private static readonly BlockRange s_all = new(0, LengthBytes);

    [Fact]
    public async Task What_the_first_directory_has_no_room_for_goes_on_in_the_second()
    {
        await using GroupFixture fixture = await SpillingAsync();
        await fixture.Mirror().FillAsync(new BlockRange(0, 3 << 20), 0x22);
        await fixture.Guest.FillAsync(BlockRange.FromBounds(2 << 20, LengthBytes), 0x33);
        Assert.Empty(fixture.Failures);
        Assert.InRange(fixture.Group.SpillUsedBytes, 1 << 20, 8 << 20);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.SpillPath), fixture.Group.SpillUsedBytes);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 2 << 20), GroupFixture.OldByte);
        await BlockAssert.FilledAsync(fixture.Guest, BlockRange.FromBounds(2 << 20, LengthBytes), 0x33);
        Assert.Equal(3 << 20, fixture.Group.Disks[0].HiddenBytes);

        await using (GroupFixture killed = await fixture.KilledAsync())
        {
            await BlockAssert.FilledAsync(killed.Guest, new BlockRange(0, 2 << 20), GroupFixture.OldByte);
            await BlockAssert.FilledAsync(killed.Guest, BlockRange.FromBounds(2 << 20, LengthBytes), 0x33);
            await killed.FailoverAsync();
            await BlockAssert.FilledAsync(killed.Disk, new BlockRange(0, 2 << 20), GroupFixture.OldByte);
            await BlockAssert.FilledAsync(killed.Disk, BlockRange.FromBounds(2 << 20, LengthBytes), 0x33);
            // Given back in the background, a step at a time.
            await Eventually.TrueAsync(() => !Directory.EnumerateFiles(killed.SpillPath).Any());
        }

        await fixture.CheckpointAsync();
        Assert.InRange(fixture.Group.SpillUsedBytes, 1, 16 * Block);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 3 << 20), 0x22);
    }

    [Fact]
    public async Task What_a_full_file_system_turns_away_is_counted_where_it_went()
    {
        bool full = false;
        await using GroupFixture fixture = await SpillingAsync(prepare: f =>
        {
            f.LimitBytes = 64 << 20;
            foreach (string layer in (string[])["active", "hidden"])
            {
                f.Wrap[$"disk0.{layer}"] = node => new HookNode(node)
                {
                    // Part of it finds room before there is none.
                    After = (operation, range) =>
                    {
                        if (full && operation == BlockOperation.Write)
                            throw new BlockException(BlockErrorKind.NoSpace, node.Name, operation, range, "told to be full");
                    },
                };
            }
        });
        await fixture.Mirror().FillAsync(new BlockRange(0, 16 * Block), 0x22);
        await fixture.Guest.FillAsync(new BlockRange(32 * Block, 16 * Block), 0x33);
        full = true;
        await fixture.Mirror().FillAsync(new BlockRange(16 * Block, 8 * Block), 0x22);
        await fixture.Guest.FillAsync(new BlockRange(48 * Block, 8 * Block), 0x33);
        Assert.Empty(fixture.Failures);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.SpillPath), fixture.Group.SpillUsedBytes);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 24 * Block), GroupFixture.OldByte);
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(32 * Block, 24 * Block), 0x33);

        // A held block does not move: a part of it in the other file would show zeroes around itself.
        await Assert.ThrowsAsync<BlockException>(() => fixture.Guest.FillAsync(new BlockRange((32 * Block) + 100, 50), 0x44));
        full = false;
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(33 * Block, 23 * Block), 0x33);
        await fixture.ReopenAsync();
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.SpillPath), fixture.Group.SpillUsedBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_open_counts_what_is_allocated_also_where_a_commit_has_cleared_the_marks(bool power)
    {
        // Three pages of marks to each file.
        await using GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: 300 << 20, prepare: f => (f.Power, f.LimitBytes) = (power, 64 << 20));
        foreach (long offset in (long[])[0, 130 << 20, 280 << 20])
            await fixture.Guest.FillAsync(new BlockRange(offset, Block), 0x33);
        await fixture.PromoteAsync();
        bool failed = false;
        fixture.Wrap["disk0.commit"] = node => new HookNode(node)
        {
            Before = (operation, range) => operation == BlockOperation.Write && range.OffsetBytes == 280 << 20 && !failed
                ? throw new BlockException(BlockErrorKind.Io, node.Name, operation, range, "told to fail") : Task.CompletedTask,
        };
        await fixture.ReopenAsync();
        Assert.Equal(CommitOutcome.Failed, (await fixture.Group.CommitAsync()).Outcome);
        await fixture.ReopenAsync();
        Assert.Equal(await fixture.AllocatedBytesAsync(fixture.OverlayPath), fixture.Group.OverlayUsedBytes);
        failed = true;
        Assert.Equal(CommitOutcome.Done, (await fixture.Group.CommitAsync()).Outcome);
    }

    [Fact]
    public async Task A_held_hole_that_finds_no_room_goes_on_in_the_second_directory_with_its_zeroes()
    {
        await using GroupFixture fixture = await SpillingAsync();
        await fixture.Guest.WriteZeroesAsync(new BlockRange(0, 8 * Block));
        await fixture.Guest.FillAsync(BlockRange.FromBounds(1 << 20, LengthBytes), 0x31);
        await fixture.Guest.FillAsync(new BlockRange(Block + 100, 50), 0x32);
        await using GroupFixture killed = await fixture.KilledAsync();
        foreach (GroupFixture each in (GroupFixture[])[fixture, killed])
        {
            await BlockAssert.FilledAsync(each.Guest, new BlockRange(0, Block + 100), 0);
            await BlockAssert.FilledAsync(each.Guest, new BlockRange(Block + 100, 50), 0x32);
            await BlockAssert.FilledAsync(each.Guest, BlockRange.FromBounds(Block + 150, 8 * Block), 0);
            Assert.Equal(LengthBytes - (1 << 20) + Block - 512 + (8 * Block), each.Group.Disks[0].ActiveBytes);
        }

        // The commit forgets the first directory's hole before the second one's content.
        await fixture.FailoverAsync();
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(Block + 100, 50), 0x32);
        await BlockAssert.FilledAsync(fixture.Disk, new BlockRange(0, Block + 100), 0);
    }

    [Fact]
    public async Task What_a_killed_write_has_spilled_does_not_show_around_a_later_one()
    {
        GroupFixture? killed = null;
        GroupFixture fixture = null!;
        bool armed = false;
        fixture = await SpillingAsync(prepare: f => f.Wrap["disk0.active.spill.marks"] = node => new HookNode(node)
        {
            Before = async (operation, _) =>
            {
                if (armed && operation == BlockOperation.Write)
                    killed ??= await fixture.KilledAsync();
            },
        });
        await using GroupFixture closing = fixture;
        await fixture.Guest.WriteZeroesAsync(new BlockRange(0, 8 * Block));
        // Block by block, so that nothing is left of the first directory.
        for (long offset = 1 << 20; offset < 3 << 20; offset += Block)
            await fixture.Guest.FillAsync(new BlockRange(offset, Block), 0x31);
        armed = true;
        await fixture.Guest.FillAsync(new BlockRange(Block, 512), 0x32);
        Assert.NotNull(killed);
        await using GroupFixture left = killed;
        await BlockAssert.FilledAsync(left.Guest, new BlockRange(Block, Block), 0);
        await left.Guest.FillAsync(new BlockRange(Block + 1024, 512), 0x33);
        await BlockAssert.FilledAsync(left.Guest, new BlockRange(Block, 1024), 0);
        await BlockAssert.FilledAsync(left.Guest, new BlockRange(Block + 1024, 512), 0x33);
    }

    [Fact]
    public async Task Overlays_that_may_have_spilled_are_not_opened_without_their_second_directory()
    {
        await using GroupFixture fixture = await SpillingAsync();
        await fixture.Group.DisposeAsync();
        await fixture.State.DisposeAsync();
        fixture.HasSpill = false;
        StateException refusal = await Assert.ThrowsAsync<StateException>(fixture.OpenAsync);
        Assert.Contains("Overlay:Spill", refusal.Message, StringComparison.Ordinal);
        await fixture.State.DisposeAsync();
        fixture.HasSpill = true;
        await fixture.OpenAsync();
        await BlockAssert.FilledAsync(fixture.Guest, s_all, GroupFixture.OldByte);
    }

    [Fact]
    public async Task A_second_directory_that_is_configured_later_takes_what_comes()
    {
        await using GroupFixture fixture = await SpillingAsync(hasSpill: false);
        await fixture.Guest.FillAsync(new BlockRange(0, 512 << 10), 0x31);
        fixture.HasSpill = true;
        await fixture.ReopenAsync();
        await fixture.Guest.FillAsync(BlockRange.FromBounds(512 << 10, LengthBytes), 0x32);
        await fixture.ReopenAsync();
        await BlockAssert.FilledAsync(fixture.Guest, new BlockRange(0, 512 << 10), 0x31);
        await BlockAssert.FilledAsync(fixture.Guest, BlockRange.FromBounds(512 << 10, LengthBytes), 0x32);
    }

    [Fact]
    public async Task Spilled_content_reads_as_a_model_says()
    {
        Random random = DeterministicRandom.Create();
        await using GroupFixture fixture = await SpillingAsync();
        byte[] view = await fixture.Guest.ReadAllAsync();
        byte[] disk = [.. view];
        for (int step = 0; step < 300; step++)
        {
            long offset = random.NextInt64(LengthBytes - 1);
            int lengthBytes = (int)Math.Min(random.Next(1, 20 * Block), LengthBytes - offset);
            bool isGuest = random.Next(2) == 0;
            byte[] content = random.Next(3) == 0 ? new byte[lengthBytes] : random.Bytes(lengthBytes);
            BlockNode target = isGuest ? fixture.Guest : fixture.Mirror();
            if (content.AsSpan().ContainsAnyExcept((byte)0))
                await target.WriteAsync(offset, content);
            else
                await target.WriteZeroesAsync(new BlockRange(offset, lengthBytes));
            content.CopyTo(isGuest ? view : disk, offset);
            if (random.Next(60) == 0)
            {
                BlockAssert.Equal(view, await fixture.Guest.ReadAllAsync());
                await fixture.CheckpointAsync();
                view = [.. disk];
            }
        }

        BlockAssert.Equal(view, await fixture.Guest.ReadAllAsync());
        await using GroupFixture killed = await fixture.KilledAsync();
        BlockAssert.Equal(view, await killed.Guest.ReadAllAsync());
        await killed.FailoverAsync();
        BlockAssert.Equal(view, killed.Disk.Snapshot());
    }

    private static Task<GroupFixture> SpillingAsync(bool hasSpill = true, Action<GroupFixture>? prepare = null) =>
        GroupFixture.StartedAsync(lengthBytes: LengthBytes, parent: "/dev/shm", prepare: f =>
        {
            f.LimitBytes = 1 << 20;
            f.HasSpill = hasSpill;
            prepare?.Invoke(f);
        });
}
