using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>What a guest's write finds in front of it while marked blocks are copied: bytes, not times, so that no busy machine changes them.</summary>
public sealed class CopyShareTests
{
    private const int KiB = 1 << 10;
    private const int MiB = 1 << 20;

    [Fact]
    public async Task A_guest_who_writes_finds_two_small_copies_in_front_of_it()
    {
        await using var f = await MarkedAsync(16 * MiB);
        Task write = f.Mirror.Quorum.WriteAsync(40 * MiB, Data(4 * KiB, 0x22)).AsTask();
        using var end = new CancellationTokenSource();
        Task copying = CopyAsync(f, end.Token);
        for (int answered = 0; answered < 20; answered++)
        {
            await f.Mirror.Held.WaitForPendingAsync(answered == 0 ? 3 : 2);
            Assert.InRange(CopyBytes(f), 1, 256 * KiB);
            await f.Mirror.Held.Pending[0].ReleaseAsync();
        }

        await EndAsync(f, end, copying);
        await write;
    }

    [Fact]
    public async Task Without_a_guest_copies_fill_the_link()
    {
        await using var f = await MarkedAsync(16 * MiB);
        using var end = new CancellationTokenSource();
        Task copying = CopyAsync(f, end.Token);
        await f.Mirror.Held.WaitForPendingAsync(MirrorLimits.CopiesInFlight);
        Assert.Equal(2 * MiB, CopyBytes(f));
        await EndAsync(f, end, copying);
    }

    [Fact]
    public async Task Copies_become_few_when_a_guest_begins_and_many_when_it_has_stopped()
    {
        await using var f = await MarkedAsync(16 * MiB);
        Assert.Equal(CopyShare.Alone, f.Mirror.Session.CopyShare);
        Task write = f.Mirror.Quorum.WriteAsync(40 * MiB, Data(4 * KiB, 0x22)).AsTask();
        Assert.Equal(CopyShare.BesideGuest, f.Mirror.Session.CopyShare);
        await f.Mirror.ReleaseAllAsync();
        await write;
        // A tick counts for two tick lengths at most.
        for (int passedMs = 0; passedMs < 1200; passedMs += 25)
            f.Mirror.Advance(25);
        Assert.Equal(CopyShare.Alone, f.Mirror.Session.CopyShare);
    }

    [Fact]
    public void Copies_leave_half_of_a_small_window_to_the_guest()
    {
        Assert.Equal(4, CopyShare.Alone.Within(2 * MiB).InFlight);
        Assert.Equal(1, CopyShare.BesideGuest.Within(64 * KiB).InFlight);
        Assert.Equal(CopyShare.Alone, CopyShare.Alone.Within(64 * MiB));
    }

    [Fact]
    public async Task Everything_is_copied_beside_a_guest_that_never_stops()
    {
        await using MarkFixture f = await MarkFixture.AttachedAsync(peer: disk => disk);
        await MarkAsync(f, 8 * MiB);
        using var end = new CancellationTokenSource();
        Task copying = CopyAsync(f, end.Token);
        Random random = DeterministicRandom.Create();
        while (!copying.IsCompleted)
        {
            await f.Mirror.Quorum.WriteAsync(random.Next(64 * MiB / MarkFixture.Block) * (long)MarkFixture.Block, Data(4 * KiB, 0x33));
            // The write may have ended inside the copy's own call, which goes on when this one does.
            await Task.Yield();
        }

        await copying;
        Assert.Equal(0, f.Marks.NeedsCopyBytes);
        await f.Mirror.AssertSameAsync();
    }

    private static async Task<MarkFixture> MarkedAsync(int markedBytes)
    {
        MarkFixture f = await MarkFixture.AttachedAsync();
        await MarkAsync(f, markedBytes);
        return f;
    }

    private static async Task MarkAsync(MarkFixture f, int markedBytes)
    {
        await f.Mirror.LocalDisk.FillAsync(new BlockRange(0, markedBytes), 0x11);
        await f.Marks.BeforeWriteAsync(new BlockRange(0, markedBytes));
        f.Marks.DemandCopy(new BlockRange(0, markedBytes));
    }

    private static Task CopyAsync(MarkFixture f, CancellationToken cancellationToken) =>
        new MarkedCopy(f.Disk, () => f.Mirror.Session.CopyShare).RunAsync(_ => { }, cancellationToken);

    private static long CopyBytes(MarkFixture f) =>
        f.Mirror.Held.Pending.Where(request => request.Range.LengthBytes > 4 * KiB).Sum(request => request.Range.LengthBytes);

    // The copies see that they are no longer wanted before the next one.
    private static async Task EndAsync(MarkFixture f, CancellationTokenSource end, Task copying)
    {
        await end.CancelAsync();
        while (!copying.IsCompleted)
        {
            await f.Mirror.ReleaseAllAsync();
            await Task.Yield();
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => copying);
    }
}
