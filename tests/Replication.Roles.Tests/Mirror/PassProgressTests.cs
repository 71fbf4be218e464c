using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>A sync under a guest that outruns it, and under one that only writes much.</summary>
public sealed class PassProgressTests
{
    private const int MiB = 1 << 20;

    private readonly FakeTimeProvider _time = new();
    private readonly PassProgress _progress;

    public PassProgressTests() => _progress = new PassProgress(_time);

    [Fact]
    public void Passes_that_leave_less_go_on_however_long_they_take()
    {
        for (long left = 1L << 40; left > 4096; left -= left / 7)
        {
            Assert.False(_progress.IsStalled(left));
            _time.Advance(TimeSpan.FromHours(1));
        }
    }

    [Fact]
    public void Passes_that_leave_as_much_end_the_sync_when_both_their_number_and_the_time_are_used_up()
    {
        Assert.False(_progress.IsStalled(4096));
        for (int pass = 0; pass < 100; pass++)
            Assert.False(_progress.IsStalled(4096));
        _time.Advance(Limits.CopyPatience);
        Assert.True(_progress.IsStalled(4096));
    }

    [Fact]
    public void One_long_pass_under_a_burst_of_the_guests_is_no_stall()
    {
        Assert.False(_progress.IsStalled(1 << 30));
        for (int pass = 1; pass < Limits.StalledPasses; pass++)
        {
            _time.Advance(TimeSpan.FromHours(1));
            Assert.False(_progress.IsStalled(1 << 30));
        }

        _time.Advance(TimeSpan.FromHours(1));
        Assert.True(_progress.IsStalled(1 << 30));
    }

    [Fact]
    public void Passes_that_hardly_leave_less_are_a_stall_too()
    {
        long left = 1 << 30;
        for (; !_progress.IsStalled(left); left -= 4096)
            _time.Advance(TimeSpan.FromSeconds(4));
        Assert.InRange(left, (1 << 30) - (4096 * (Limits.StalledPasses + 1)), 1 << 30);
    }

    [Fact]
    public async Task A_guest_that_trims_again_and_again_would_keep_a_sync_for_ever()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        var range = new BlockRange(0, 9 * MiB);
        await f.Mirror.Quorum.DiscardAsync(range);
        var progress = new PassProgress(f.Mirror.Time);
        // Behind each piece that is about to be copied the guest trims all of it once more.
        var copy = new MarkedCopy(f.Disk, () => CopyShare.Alone with { InFlight = 1 }, _ => f.Mirror.Quorum.DiscardAsync(range), left =>
        {
            f.Mirror.Time.Advance(TimeSpan.FromSeconds(1));
            if (progress.IsStalled(left))
                throw new VerbException(VerbFailure.Failed, "stalled");
        });
        await Assert.ThrowsAsync<VerbException>(() => copy.RunAsync(_ => { }, CancellationToken.None).WaitAsync(TestTimeouts.Patience));
        Assert.True(f.Marks.NeedsCopyBytes > 0);
        // Without it the rest is copied.
        await new MarkedCopy(f.Disk, () => CopyShare.Alone with { InFlight = 1 }).RunAsync(_ => { }, CancellationToken.None).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(0, f.Marks.NeedsCopyBytes);
        await f.Mirror.AssertSameAsync();
    }

    [Fact]
    public async Task A_guest_that_only_writes_never_makes_a_block_need_a_copy_again()
    {
        await using var f = await MarkFixture.AttachedAsync(peer: disk => disk);
        await f.Mirror.Quorum.DiscardAsync(new BlockRange(0, 9 * MiB));
        byte[] partial = new byte[512];
        long least = long.MaxValue;
        var copy = new MarkedCopy(f.Disk, () => CopyShare.Alone with { InFlight = 1 }, async _ =>
        {
            // Whole blocks and parts of blocks, copied already and not yet.
            for (long offset = 0; offset < 9 * MiB; offset += 64 << 10)
                await f.Mirror.Quorum.WriteAsync(offset + 512, partial);
            await f.Mirror.Quorum.WriteAsync(MiB, new byte[64 << 10]);
            Assert.True(f.Marks.NeedsCopyBytes <= least);
            least = f.Marks.NeedsCopyBytes;
        });
        await copy.RunAsync(_ => { }, CancellationToken.None).WaitAsync(TestTimeouts.Patience);
        Assert.Equal(0, f.Marks.NeedsCopyBytes);
        await f.Mirror.AssertSameAsync();
    }
}
