using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>Zeroing that nobody waits for the mirror to do.</summary>
public sealed class LongZeroingTests
{
    private const int Block = MarkFixture.Block;
    private const int MiB = 1 << 20;

    [Fact]
    public async Task It_completes_locally_needs_a_copy_and_is_not_forwarded()
    {
        await using var f = await MarkFixture.AttachedAsync();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(MiB + 512, 20 * MiB));
        Assert.Empty(f.Mirror.Held.Pending);
        Assert.Equal((20 * MiB) + Block, f.Marks.NeedsCopyBytes);
        Assert.Equal(20 * MiB / Block + 1, (await f.InFileAsync()).Length);
        // Shorter ones are forwarded as they were.
        Task forwarded = f.Mirror.Quorum.WriteZeroesAsync(new BlockRange(40 * MiB, 8 * MiB)).AsTask();
        Assert.Single(f.Mirror.Held.Pending);
        await forwarded.WithReleaseOf(f.Mirror);
    }

    [Fact]
    public async Task It_follows_in_the_background_as_zeroes_and_its_marks_go()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        await f.Mirror.LocalDisk.FillAsync(new BlockRange(0, 64 * MiB), 0x11);
        await f.Mirror.PeerDisk.FillAsync(new BlockRange(0, 64 * MiB), 0x11);
        int written = f.Mirror.PeerDisk.Counts[BlockOperation.Write];
        Task running = f.Copier.RunAsync();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(MiB + 512, 40 * MiB));
        await f.Copier.WaitUntilCopiedAsync().WaitAsync(TestTimeouts.Patience);
        await f.Mirror.AssertSameAsync();
        // The two blocks at its ends are data; the rest is five or six zeroings.
        Assert.InRange(f.Mirror.PeerDisk.Counts[BlockOperation.Write] - written, 1, 2);
        Assert.True(await f.Cleaner.CleanAsync().WaitAsync(TestTimeouts.Patience));
        Assert.Empty(await f.InFileAsync());
        f.Copier.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_mirror_that_is_taken_away_in_order_in_the_middle_of_it_is_not_lost()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        // What is copied is found when the child has gone.
        f.Copier.End();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 20 * MiB));
        await f.Mirror.Quorum.RemoveChildAsync(f.Mirror.Link.Name);
        await f.Copier.CopyAsync(f.Disk).WaitAsync(TestTimeouts.Patience);
        Assert.Null(f.Mirror.Session.Loss);
        Assert.Equal(20 * MiB / Block, (await f.InFileAsync()).Length);
    }

    [Fact]
    public async Task Who_waits_for_the_copies_goes_on_where_they_end_before_another_round()
    {
        await using var f = await MarkFixture.AttachedAsync();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 9 * MiB));
        Task waiting = f.Copier.WaitUntilCopiedAsync();
        Assert.False(waiting.IsCompleted);
        f.Copier.End();
        await f.Copier.RunAsync();
        await waiting.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_flush_does_not_clear_what_still_needs_a_copy()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 9 * MiB));
        Assert.True(await f.Cleaner.CleanAsync().WaitAsync(TestTimeouts.Patience));
        Assert.Equal(9 * MiB / Block, (await f.InFileAsync()).Length);
    }

    [Fact]
    public async Task A_small_write_into_it_waits_for_one_piece_at_most()
    {
        await using var f = await MarkFixture.AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Applied });
        Task running = f.Copier.RunAsync();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 64 * MiB));
        await f.Mirror.Held.WaitForPendingAsync(MirrorLimits.BackgroundCopiesInFlight);
        Task write = f.Mirror.Quorum.WriteAsync(Block, Data(512, 0x42)).AsTask();
        Task apart = f.Mirror.Quorum.WriteAsync(60 * MiB, Data(512, 0x43)).AsTask();
        // The one apart is on its way at once, the one inside behind the piece that covers it.
        Assert.Equal(MirrorLimits.BackgroundCopiesInFlight + 1, f.Mirror.Held.Pending.Count);
        await f.Mirror.Held.Pending[^1].ReleaseAsync();
        await apart.WaitAsync(TestTimeouts.Patience);
        await f.Mirror.Held.Pending[0].ReleaseAsync();
        (await f.Mirror.Held.WaitForPendingAsync(1)).Single(request => request.Range == new BlockRange(Block, 512)).ToString();
        await f.Mirror.Held.Pending.Single(request => request.Range == new BlockRange(Block, 512)).ReleaseAsync();
        await write.WaitAsync(TestTimeouts.Patience);
        while (f.Marks.NeedsCopyBytes > 0 || f.Mirror.Session.UnansweredForwards > 0)
        {
            await f.Mirror.ReleaseAllAsync();
            await Task.Yield();
        }

        await f.Mirror.AssertSameAsync();
        f.Copier.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Who_waits_for_the_copies_waits_while_they_become_less_and_no_longer()
    {
        await using var f = await MarkFixture.AttachedAsync(new MirrorSessionOptions { Deadline = TimeSpan.FromHours(1) });
        var patience = TimeSpan.FromSeconds(10);
        Task running = f.Copier.RunAsync();
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 32 * MiB));
        await NeedAsync(f, 16 * MiB);
        Task<bool> copied = f.Copier.WaitUntilCopiedAsync(patience, CancellationToken.None);
        // One is answered, so another is enqueued: less needs a copy.
        await f.Mirror.Held.Pending[0].ReleaseAsync();
        await NeedAsync(f, 8 * MiB);
        f.Mirror.Time.Advance(patience);
        Assert.False(copied.IsCompleted);
        while (!copied.IsCompleted)
        {
            f.Mirror.Time.Advance(patience);
            await Task.Yield();
        }

        Assert.False(await copied);
        Assert.Null(f.Mirror.Session.Loss);
        Task<bool> all = f.Copier.WaitUntilCopiedAsync(patience, CancellationToken.None);
        while (f.Marks.NeedsCopyBytes > 0 || f.Mirror.Session.UnansweredForwards > 0)
        {
            await f.Mirror.ReleaseAllAsync();
            await Task.Yield();
        }

        Assert.True(await all.WaitAsync(TestTimeouts.Patience));
        f.Copier.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_failed_local_write_needs_a_copy_however_large_it_was()
    {
        DeferredNode? local = null;
        await using var f = await MarkFixture.AttachedAsync(
            local: disk => local = new DeferredNode(disk) { Immediate = { BlockOperation.Read } }, peer: disk => disk);
        Task write = f.Mirror.Quorum.WriteAsync(0, Data(40 * MiB, 0x42)).AsTask();
        local!.Pending[0].Fail();
        await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Null(f.Mirror.Session.Loss);
        Assert.Equal(40 * MiB, f.Marks.NeedsCopyBytes);
        Task running = f.Copier.RunAsync();
        await f.Copier.WaitUntilCopiedAsync().WaitAsync(TestTimeouts.Patience);
        await f.Mirror.AssertSameAsync();
        f.Copier.End();
        await running.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task What_cannot_be_read_for_the_copy_ends_the_session_and_stays_marked()
    {
        DeferredNode? local = null;
        await using var f = await MarkFixture.AttachedAsync(
            local: disk => local = new DeferredNode(disk) { Immediate = { BlockOperation.Write } }, peer: disk => disk);
        await f.Mirror.LocalDisk.FillAsync(new BlockRange(0, 16 * MiB), 0x11);
        Task write = f.Mirror.Quorum.WriteZeroesAsync(new BlockRange(0, 9 * MiB)).AsTask();
        local!.Pending[0].Fail();
        await local.WaitForPendingAsync();
        local.Pending[0].Fail();
        await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Equal(MirrorLossCause.LocalFailed, f.Mirror.Session.Loss!.Cause);
        Assert.Equal(9 * MiB / Block, (await f.InFileAsync()).Length);
    }

    private static async Task NeedAsync(MarkFixture f, long bytes)
    {
        while (f.Marks.NeedsCopyBytes != bytes)
            await Task.Yield();
    }
}
