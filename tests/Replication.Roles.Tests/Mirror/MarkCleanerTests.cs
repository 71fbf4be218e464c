using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>What a pass may clear, and when it comes.</summary>
public sealed class MarkCleanerTests
{
    private const int Block = MarkFixture.Block;

    [Fact]
    public async Task A_mark_goes_after_the_answer_and_a_flush_that_began_behind_it()
    {
        await using var f = await MarkFixture.AttachedAsync();
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.AssertMarkedAsync(1);
        Task<bool> clean = f.Cleaner.CleanAsync();
        // The pass waits for the answer before it flushes.
        DeferredRequest forward = Assert.Single(f.Mirror.Held.Pending);
        await forward.ReleaseAsync();
        await write;
        DeferredRequest flush = Assert.Single(f.Mirror.Held.Pending);
        Assert.Equal((BlockOperation.Flush, false), (flush.Operation, clean.IsCompleted));
        await f.AssertMarkedAsync(1);
        await flush.ReleaseAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_that_began_after_the_pass_keeps_its_mark(bool sameBlock)
    {
        await using var f = await MarkFixture.AttachedAsync();
        Task first = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        Task<bool> clean = f.Cleaner.CleanAsync();
        Task second = f.Mirror.Quorum.WriteAsync(sameBlock ? Block : 2 * Block, Data(Block, 2)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        await Task.WhenAll(first, second);
        await f.AssertMarkedAsync(sameBlock ? 1 : 2);
    }

    [Fact]
    public async Task In_local_mode_a_pass_waits_for_forwards_whose_guest_writes_are_long_acknowledged()
    {
        await using var f = await MarkFixture.AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        await f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1));
        Task<bool> clean = f.Cleaner.CleanAsync();
        Assert.Equal(BlockOperation.Write, Assert.Single(f.Mirror.Held.Pending).Operation);
        await f.AssertMarkedAsync(1);
        await f.Mirror.ReleaseAllAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
    }

    [Fact]
    public async Task A_write_that_was_kept_for_the_deadline_and_released_stays_marked_until_its_answer()
    {
        await using var f = await MarkFixture.AttachedAsync();
        Task kept = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        for (int i = 0; i < 2 * MirrorLimits.TicksPerDeadline && !kept.IsCompleted; i++)
        {
            Task other = f.Mirror.Quorum.WriteAsync(9 * Block, Data(Block, 2)).AsTask();
            await f.Mirror.Held.Pending[^1].ReleaseAsync();
            await other;
            f.Mirror.Advance(Deadline / MirrorLimits.TicksPerDeadline);
        }

        await kept;
        Task<bool> clean = f.Cleaner.CleanAsync();
        Assert.False(clean.IsCompleted);
        Assert.Contains(1L, await f.InFileAsync());
        await f.Mirror.ReleaseAllAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
    }

    [Fact]
    public async Task A_write_under_way_through_the_flip_is_waited_for()
    {
        DeferredNode? local = null;
        await using var f = await MarkFixture.AttachedAsync(local: disk => local = new DeferredNode(disk));
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        Task<bool> clean = f.Cleaner.CleanAsync();
        // The mirror has answered, the local disk has not: no flush yet.
        Assert.Empty(f.Mirror.Held.Pending);
        Assert.False(clean.IsCompleted);
        await local!.ReleaseAllAsync();
        await write;
        await f.Mirror.ReleaseAllAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
    }

    [Fact]
    public async Task A_flush_that_fails_keeps_every_mark_and_ends_the_session()
    {
        await using var f = await MarkFixture.AttachedAsync();
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        await write;
        Task<bool> clean = f.Cleaner.CleanAsync();
        f.Mirror.Held.Pending[0].Fail();
        Assert.False(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Equal(MirrorLossCause.ForwardFailed, f.Mirror.Session.Loss!.Cause);
        await f.AssertMarkedAsync(1);
    }

    [Fact]
    public async Task A_flush_that_is_not_answered_ends_the_session_at_its_own_deadline_and_delays_nobody()
    {
        var options = new MirrorSessionOptions { FlushDeadline = TimeSpan.FromSeconds(2) };
        await using var f = await MarkFixture.AttachedAsync(options);
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        await write;
        Task<bool> clean = f.Cleaner.CleanAsync();
        for (int i = 0; i < 30; i++)
        {
            Task other = f.Mirror.Quorum.WriteAsync(2 * Block, Data(Block, 2)).AsTask();
            await f.Mirror.Held.Pending[^1].ReleaseAsync();
            Assert.True(other.IsCompletedSuccessfully);
            f.Mirror.Advance(50);
        }

        Assert.False(clean.IsCompleted);
        f.Mirror.Advance(1000);
        Assert.False(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Equal(MirrorLossCause.FlushUnanswered, f.Mirror.Session.Loss!.Cause);
        await f.AssertMarkedAsync(1, 2);
    }

    [Fact]
    public async Task A_lost_session_keeps_every_mark()
    {
        await using var f = await MarkFixture.AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        await f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1));
        Task<bool> clean = f.Cleaner.CleanAsync();
        f.Mirror.Connection.Die("cut");
        Assert.False(await clean.WaitAsync(TestTimeouts.Patience));
        await f.AssertMarkedAsync(1);
    }

    [Fact]
    public async Task With_power_the_primary_disk_is_flushed_too_and_its_failure_keeps_the_marks()
    {
        DeferredNode? local = null;
        await using var f = await MarkFixture.AttachedAsync(
            local: disk => local = new DeferredNode(disk) { Immediate = { BlockOperation.Write } }, durable: true);
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(Block, 1)).AsTask();
        await f.Mirror.ReleaseAllAsync();
        await write;
        Task<bool> clean = f.Cleaner.CleanAsync();
        await f.Mirror.ReleaseAllAsync();
        Assert.Single(local!.Pending).Fail();
        Assert.False(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Null(f.Mirror.Session.Loss);
        await f.AssertMarkedAsync(1);
        clean = f.Cleaner.CleanAsync();
        await f.Mirror.ReleaseAllAsync();
        await local.ReleaseAllAsync();
        Assert.True(await clean.WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
    }

    [Fact]
    public async Task An_idle_pair_is_clean_soon_and_a_clean_pair_flushes_nothing()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        Task running = f.Cleaner.RunAsync();
        for (int i = 0; i < 1000; i++)
            await f.Mirror.Quorum.WriteAsync(i * Block, Data(Block, 1));
        f.Mirror.Advance(3000);
        await Eventually.TrueAsync(() => f.Marks.DirtyBytes == 0);
        int flushes = f.Mirror.PeerDisk.Counts[BlockOperation.Flush];
        f.Mirror.Advance(60_000);
        Assert.Equal(flushes, f.Mirror.PeerDisk.Counts[BlockOperation.Flush]);
        f.Cleaner.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_busy_pair_rests_in_proportion_to_the_marks_that_it_writes()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk, lengthBytes: 256 << 20);
        Task running = f.Cleaner.RunAsync();
        // 50,000 marks buy five seconds of rest; the guest never pauses for a look.
        for (int second = 0; second < 4; second++)
        {
            for (int i = 0; i < 12_500; i++)
                await f.Mirror.Quorum.WriteAsync((second * 12_500 + i) * Block, Data(Block, 1));
            f.Mirror.Advance(1000);
        }

        Assert.Equal(50_000 * Block, f.Marks.DirtyBytes);
        f.Cleaner.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }
}
