using Replication.Block.Dirty;
using Replication.Block.State;
using Replication.Testing;

namespace Replication.Block.Tests.Dirty;

/// <summary>Phases, the two kinds of marks, and both orders of a clear beside a writer.</summary>
public sealed class DirtyMarksTests : IAsyncLifetime
{
    private const int Block = 4096;
    private const long DiskBytes = (64 << 20) + 512;

    private readonly MemoryNode _content = new(PersistentBitmap.FileBytes(DiskBytes, Block), "disk0.dirty");
    private HookNode _file = null!;
    private DirtyMarks _marks = null!;
    private long _session;

    public async ValueTask InitializeAsync()
    {
        _file = new HookNode(_content);
        _marks = new DirtyMarks(await PersistentBitmap.CreateAllocatedAsync(_file, DiskBytes, Block), DiskBytes);
        _session = await _marks.BeginSessionAsync(copyMarked: false);
    }

    public async ValueTask DisposeAsync() => await _marks.DisposeAsync();

    [Fact]
    public async Task A_mark_is_in_the_file_before_the_write_goes_on_and_a_second_write_costs_nothing()
    {
        await _marks.BeforeWriteAsync(new BlockRange(Block + 1, 2));
        await AssertInFileAsync(1, 1);
        int writes = _content.Counts[BlockOperation.Write];
        await _marks.BeforeWriteAsync(new BlockRange(Block, Block));
        Assert.Equal(writes, _content.Counts[BlockOperation.Write]);
        Assert.Equal((Block, 1), (_marks.DirtyBytes, _marks.FileWrites));
    }

    [Fact]
    public async Task A_range_marks_every_block_that_it_touches_the_short_last_one_too()
    {
        await _marks.BeforeWriteAsync(new BlockRange(DiskBytes - Block, Block));
        await AssertInFileAsync(DiskBytes / Block - 1, 2);
        Assert.Equal(2 * Block, _marks.DirtyBytes);
    }

    [Fact]
    public async Task A_pass_clears_what_was_touched_before_it_and_nothing_else()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        await _marks.BeforeWriteAsync(Blocks(2));
        CleaningPass pass = Begin();
        await _marks.BeforeWriteAsync(Blocks(2));
        await _marks.BeforeWriteAsync(Blocks(3));
        Assert.Equal(Block, await _marks.EndPassAsync(pass));
        await AssertInFileAsync(2, 2);
        Assert.Equal(2 * Block, await _marks.EndPassAsync(Begin()));
        await AssertInFileAsync(0, 0);
        Assert.False(_marks.HasUnflushed);
    }

    [Fact]
    public async Task Without_a_flush_every_mark_stays_and_the_next_pass_clears_it()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        await _marks.AbandonPassAsync(Begin());
        await AssertInFileAsync(1, 1);
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(0, 0);
    }

    [Fact]
    public async Task A_clear_that_cannot_be_written_stays_marked_and_is_tried_again()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        // It takes effect and fails all the same: memory must not believe the file.
        _file.After = (_, range) => throw new BlockException(BlockErrorKind.Io, "dirty", BlockOperation.Write, range, "told to fail");
        Assert.Equal(0, await _marks.EndPassAsync(Begin()));
        _file.After = null;
        Assert.Equal(Block, _marks.DirtyBytes);
        await _marks.BeforeWriteAsync(Blocks(1));
        await AssertInFileAsync(1, 1);
        Assert.Equal(Block, await _marks.EndPassAsync(Begin()));
        await AssertInFileAsync(0, 0);
    }

    [Fact]
    public async Task A_clear_that_failed_and_then_succeeds_costs_later_writes_nothing()
    {
        const long OtherWord = 70;
        await _marks.BeforeWriteAsync(Blocks(1));
        _file.After = (_, range) => throw new BlockException(BlockErrorKind.Io, "dirty", BlockOperation.Write, range, "told to fail");
        await _marks.EndPassAsync(Begin());
        _file.After = null;
        await _marks.BeforeWriteAsync(Blocks(OtherWord));
        CleaningPass pass = Begin();
        await _marks.BeforeWriteAsync(Blocks(OtherWord));
        Assert.Equal(Block, await _marks.EndPassAsync(pass));
        long writes = _marks.FileWrites;
        await _marks.BeforeWriteAsync(Blocks(OtherWord));
        Assert.Equal(writes, _marks.FileWrites);
    }

    [Fact]
    public async Task A_writer_that_finds_its_mark_before_the_clear_keeps_it()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        await _marks.BeforeWriteAsync(Blocks(2));
        CleaningPass pass = Begin();
        // Claimed and found marked: no word is written for it.
        ValueTask looked = _marks.BeforeWriteAsync(Blocks(1));
        Assert.True(looked.IsCompletedSuccessfully);
        await _marks.EndPassAsync(pass);
        await AssertInFileAsync(1, 1);
    }

    [Fact]
    public async Task A_writer_that_comes_after_the_clear_in_memory_writes_its_mark_behind_the_clear_in_the_file()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        var written = new TaskCompletionSource();
        var reached = new TaskCompletionSource();
        _file.Before = (operation, _) =>
        {
            _file.Before = null;
            reached.SetResult();
            return written.Task;
        };
        Task<long> clear = _marks.EndPassAsync(Begin()).AsTask();
        await reached.Task.WaitAsync(TestTimeouts.Patience);
        Task mark = _marks.BeforeWriteAsync(Blocks(1)).AsTask();
        Assert.False(mark.IsCompleted);
        written.SetResult();
        await mark.WaitAsync(TestTimeouts.Patience);
        await clear.WaitAsync(TestTimeouts.Patience);
        await AssertInFileAsync(1, 1);
    }

    [Fact]
    public async Task A_mark_that_cannot_be_written_is_the_writers_error()
    {
        _file.Fail(BlockOperation.Write);
        await BlockAssert.FailsAsync(_marks.BeforeWriteAsync(Blocks(1)));
        Assert.Equal(0, _marks.DirtyBytes);
    }

    [Fact]
    public async Task What_needs_a_copy_is_cleared_only_after_one()
    {
        await _marks.BeforeWriteAsync(Blocks(1, 3));
        _marks.DemandCopy(Blocks(1, 3));
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(1, 3);
        Assert.Equal(3 * Block, _marks.NeedsCopyBytes);
        await CopyAsync(Blocks(1));
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(2, 2);
    }

    [Fact]
    public async Task A_forwarded_write_stands_for_the_copy_of_the_blocks_that_it_covers_wholly()
    {
        await _marks.BeforeWriteAsync(Blocks(1, 3));
        _marks.DemandCopy(Blocks(1, 3));
        var range = new BlockRange(Block + 512, 2 * Block);
        await _marks.BeforeWriteAsync(range);
        _marks.Forwarded(range);
        Assert.Equal(2 * Block, _marks.NeedsCopyBytes);
        Assert.Equal(Blocks(1), _marks.NextToCopy(0, 1 << 20));
        Assert.Equal(Blocks(3), _marks.NextToCopy(2 * Block, 1 << 20));
    }

    [Fact]
    public async Task The_short_last_block_is_covered_by_a_write_to_the_disks_end()
    {
        var last = BlockRange.FromBounds(DiskBytes - 512, DiskBytes);
        await _marks.BeforeWriteAsync(last);
        _marks.DemandCopy(last);
        Assert.Equal(last, _marks.NextToCopy(0, 1 << 20));
        _marks.Forwarded(last);
        Assert.True(_marks.NextToCopy(0, 1 << 20).IsEmpty);
    }

    [Fact]
    public async Task A_session_begins_with_a_copy_of_everything_marked_or_of_nothing()
    {
        await _marks.BeforeWriteAsync(Blocks(5, 4));
        _session = await _marks.BeginSessionAsync(copyMarked: true);
        Assert.Equal(Blocks(5, 2), _marks.NextToCopy(0, 2 * Block));
        Assert.Equal(Blocks(7, 2), _marks.NextToCopy(7 * Block, 1 << 20));
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(5, 4);
        _session = await _marks.BeginSessionAsync(copyMarked: false);
        Assert.Equal(0, _marks.NeedsCopyBytes);
        // The pass over the whole disk is not done: nothing may go yet.
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(5, 4);
        _marks.SettleAll();
        await _marks.EndPassAsync(Begin());
        await AssertInFileAsync(0, 0);
    }

    [Fact]
    public async Task A_pass_of_an_older_session_clears_nothing_and_keeps_nobody_from_beginning_one()
    {
        await _marks.BeforeWriteAsync(Blocks(1));
        CleaningPass old = Begin();
        long dead = _session;
        _session = await _marks.BeginSessionAsync(copyMarked: true);
        await CopyAsync(Blocks(1));
        CleaningPass pass = Begin();
        await _marks.BeforeWriteAsync(Blocks(1));
        Assert.Equal(0, await _marks.EndPassAsync(old));
        Assert.Null(_marks.TryBeginPass(dead));
        Assert.Null(_marks.TryBeginPass(_session));
        Assert.Equal(0, await _marks.EndPassAsync(pass));
        await AssertInFileAsync(1, 1);
    }

    [Fact]
    public async Task With_power_a_mark_waits_for_a_flush_that_many_share()
    {
        var deferred = new DeferredNode(_content, "disk0.dirty");
        deferred.Immediate.UnionWith([BlockOperation.Write, BlockOperation.WriteZeroes]);
        ValueTask<PersistentBitmap> creating = PersistentBitmap.CreateAllocatedAsync(deferred, DiskBytes, Block, durable: true);
        await deferred.ReleaseAllAsync();
        var marks = new DirtyMarks(await creating, DiskBytes);
        Task first = marks.BeforeWriteAsync(Blocks(1)).AsTask();
        Task[] others = [.. Enumerable.Range(1, 20).Select(i => marks.BeforeWriteAsync(Blocks(i * 64)).AsTask())];
        Assert.Equal(0, marks.DirtyBytes);
        Assert.Single(deferred.Pending);
        await deferred.ReleaseAllAsync();
        await first.WaitAsync(TestTimeouts.Patience);
        Assert.DoesNotContain(others, other => other.IsCompleted);
        Assert.Single(deferred.Pending);
        await deferred.ReleaseAllAsync();
        await Task.WhenAll(others).WaitAsync(TestTimeouts.Patience);
        Assert.Empty(deferred.Pending);
        Assert.Equal(21 * Block, marks.DirtyBytes);
    }

    private static BlockRange Blocks(long first, long count = 1) => new(first * Block, count * Block);

    private CleaningPass Begin()
    {
        CleaningPass? pass = _marks.TryBeginPass(_session);
        Assert.NotNull(pass);
        return pass.Value;
    }

    private async Task CopyAsync(BlockRange range)
    {
        await _marks.BeforeWriteAsync(range);
        _marks.Forwarded(range);
    }

    // The file as a restart finds it: exactly these blocks.
    private async Task AssertInFileAsync(long first, long count)
    {
        PersistentBitmap loaded = await PersistentBitmap.LoadAsync(_content, DiskBytes, Block);
        Assert.Equal(count, loaded.Bits.Count);
        Assert.True(count == 0 || loaded.Bits.AllSet(first, count));
    }
}
