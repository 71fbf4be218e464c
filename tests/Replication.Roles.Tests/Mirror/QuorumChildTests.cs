using Replication.Block;
using Replication.Block.Quorums;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>The mirror child comes and goes while the guest runs, and copies keep their place among its writes.</summary>
public sealed class QuorumChildTests
{
    [Fact]
    public async Task A_second_mirror_child_another_length_and_the_local_childs_removal_are_refused()
    {
        await using var f = await AttachedAsync();
        var other = new MirrorFixture(lengthBytes: 4096);
        Assert.Contains("disk0.mirror is there", await RefusalAsync(f.Quorum.AddChildAsync(f.Link, f.Link)), StringComparison.Ordinal);
        Assert.Contains("there is no child nobody", await RefusalAsync(f.Quorum.RemoveChildAsync("nobody")), StringComparison.Ordinal);
        Assert.Contains("disk0 cannot be removed", await RefusalAsync(f.Quorum.RemoveChildAsync("disk0")), StringComparison.Ordinal);
        await f.Quorum.RemoveChildAsync(f.Link.Name);
        Assert.Contains("4096 bytes, not 16777216", await RefusalAsync(f.Quorum.AddChildAsync(other.Link, other.Link)), StringComparison.Ordinal);
        Assert.Null(f.Quorum.MirrorName);
        await f.Quorum.AddChildAsync(f.Link, f.Link);
        Assert.Equal("disk0.mirror", f.Quorum.MirrorName);
    }

    [Fact]
    public async Task A_quorum_without_a_gate_takes_no_mirror_child()
    {
        await using var f = new MirrorFixture();
        var thin = new Quorum("thin", f.LocalDisk, f.Admission);
        Assert.Contains("takes no mirror child", await RefusalAsync(thin.AddChildAsync(f.Link, f.Link)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Adding_a_child_waits_for_the_writes_that_it_does_not_see()
    {
        DeferredNode? local = null;
        await using var f = new MirrorFixture(local: disk => local = new DeferredNode(disk, "disk0"));
        Task before = f.Quorum.WriteAsync(0, Data(512, 1)).AsTask();
        Task added = f.Quorum.AddChildAsync(f.Link, f.Link).AsTask();
        Assert.False(added.IsCompleted);
        Task after = f.Quorum.WriteAsync(4096, Data(512, 2)).AsTask();
        Task behind = f.Quorum.WriteAsync(0, Data(512, 3)).AsTask();
        Assert.Equal([4096], f.Held.Pending.Select(request => request.Range.OffsetBytes));
        await local!.Pending[0].ReleaseAsync();
        Assert.True(before.IsCompletedSuccessfully && added.IsCompletedSuccessfully);
        await local.ReleaseAllAsync();
        await f.ReleaseAllAsync();
        await Task.WhenAll(after, behind);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(0, 512), 3);
    }

    [Fact]
    public async Task A_copy_waits_for_the_write_under_way_and_takes_its_result()
    {
        DeferredNode? local = null;
        await using var f = await AttachedAsync(local: disk => local = new DeferredNode(disk, "disk0") { Immediate = { BlockOperation.Read } });
        Task write = f.Quorum.WriteAsync(0, Data(4096, 1)).AsTask();
        Task<long> copy = f.Quorum.CopyAsync(new BlockRange(0, 8192), new byte[8192]).AsTask();
        Task later = f.Quorum.WriteAsync(4096, Data(4096, 2)).AsTask();
        Assert.Single(f.Held.Pending);
        await local!.Pending[0].ReleaseAsync();
        await local.ReleaseAllAsync();
        await f.ReleaseAllAsync();
        await Task.WhenAll(write, later);
        Assert.Equal(8192, await copy);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(0, 4096), 1);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(4096, 4096), 2);
    }

    [Fact]
    public async Task A_copy_sends_data_as_it_is_and_a_hole_as_zeroing()
    {
        await using var f = await AttachedAsync(peer: disk => disk);
        await f.PeerDisk.FillAsync(new BlockRange(0, 16 << 20), 0x11);
        await f.LocalDisk.FillAsync(new BlockRange(0, 4096), 0x22);
        byte[] buffer = new byte[1 << 20];
        Assert.Equal(4096, await f.Quorum.CopyAsync(new BlockRange(0, 4096), buffer));
        Assert.Equal(1 << 20, await f.Quorum.CopyAsync(new BlockRange(1 << 20, 1 << 20), buffer));
        Assert.Equal(1, f.PeerDisk.Counts[BlockOperation.WriteZeroes]);
        Assert.Equal(2ul, f.Session.AnsweredWrites);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(0, 4096), 0x22);
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(1 << 20, 1 << 20), 0);
    }

    [Fact]
    public async Task A_copy_waits_for_the_peers_answer_in_either_mode_and_fails_with_the_session()
    {
        await using var f = await AttachedAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        Task copy = f.Quorum.CopyAsync(new BlockRange(0, 4096), new byte[4096]).AsTask();
        Assert.False(copy.IsCompleted);
        f.Connection.Die("gone");
        await Assert.ThrowsAsync<BlockException>(() => copy);
        await f.Quorum.RemoveChildAsync(f.Link.Name);
        await BlockAssert.FailsAsync(BlockErrorKind.Shutdown, new ValueTask(f.Quorum.CopyAsync(new BlockRange(0, 4096), new byte[4096]).AsTask()));
    }

    [Theory]
    [InlineData(Acknowledge.Applied)]
    [InlineData(Acknowledge.Local)]
    public async Task A_sync_under_random_overlapping_writes_ends_with_equal_disks(Acknowledge acknowledge)
    {
        const int DiskBytes = 256 << 10;
        Random random = DeterministicRandom.Create();
        DeferredNode? local = null;
        await using var f = await AttachedAsync(
            new MirrorSessionOptions { Acknowledge = acknowledge, WindowBytes = 128 << 10 }, DiskBytes, disk => local = new DeferredNode(disk, "disk0"));
        await f.LocalDisk.WriteAsync(0, random.Bytes(DiskBytes));
        var tasks = new List<Task>();
        int copied = 0;
        for (int step = 0; step < 3000; step++)
        {
            switch (random.Next(5))
            {
                case 0:
                    byte[] data = random.Bytes(random.Next(1, 9000));
                    tasks.Add(f.Quorum.WriteAsync(random.Next(DiskBytes - data.Length), data).AsTask());
                    break;
                case 1 when copied < DiskBytes:
                    tasks.Add(f.Quorum.CopyAsync(new BlockRange(copied, 4096), new byte[4096]).AsTask());
                    copied += 4096;
                    break;
                case 2 when step % 10 == 0:
                    tasks.Add(f.Quorum.WriteZeroesAsync(new BlockRange(random.Next(DiskBytes - 5000), random.Next(1, 5000))).AsTask());
                    break;
                default:
                    DeferredNode node = random.Next(2) == 0 ? local! : f.Held;
                    if (node.Pending is { Count: > 0 } pending)
                        await pending[random.Next(pending.Count)].ReleaseAsync();
                    break;
            }
        }

        while (local!.Pending.Count + f.Held.Pending.Count > 0)
        {
            await local.ReleaseAllAsync();
            await f.Held.ReleaseAllAsync();
        }

        await Task.WhenAll(tasks).WaitAsync(TestTimeouts.Patience);
        for (; copied < DiskBytes; copied += 4096)
        {
            Task copy = f.Quorum.CopyAsync(new BlockRange(copied, 4096), new byte[4096]).AsTask();
            while (!copy.IsCompleted)
            {
                await local.ReleaseAllAsync();
                await f.Held.ReleaseAllAsync();
            }
        }

        Assert.Equal(DrainResult.Drained, await f.Session.DrainAsync(TimeSpan.FromSeconds(1)));
        await f.AssertSameAsync();
    }

    private static async Task<string> RefusalAsync(ValueTask change) => (await Assert.ThrowsAsync<QuorumChildException>(async () => await change)).Message;
}
