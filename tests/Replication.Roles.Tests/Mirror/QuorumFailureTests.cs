using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;
using static Replication.Roles.Tests.Mirror.MirrorFixture;

namespace Replication.Roles.Tests.Mirror;

/// <summary>Local first: every combination of failures of the two children.</summary>
public sealed class QuorumFailureTests
{
    private DeferredNode? _local;

    [Fact]
    public async Task A_failed_local_write_is_the_guests_error_and_the_mirror_gets_the_real_content_back()
    {
        await using var f = await FixtureAsync();
        Task write = f.Quorum.WriteAsync(4096, Data(4096, 0x22)).AsTask();
        await f.Held.Pending[0].ReleaseAsync();
        await BlockAssert.FilledAsync(f.PeerDisk, new BlockRange(4096, 4096), 0x22);
        _local!.Pending[0].Fail();
        await f.ReleaseAllAsync();
        Assert.Equal(BlockErrorKind.Io, (await Assert.ThrowsAsync<BlockException>(() => write)).Kind);
        Assert.Single(f.LocalFailures);
        Assert.Empty(f.ForwardFailures);
        Assert.Empty(f.Observer.Losses);
        await BlockAssert.FilledAsync(f.Quorum, new BlockRange(4096, 4096), 0);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task The_repair_comes_behind_the_forward_even_where_the_local_disk_fails_first()
    {
        await using var f = await FixtureAsync();
        Task write = f.Quorum.WriteAsync(4096, Data(4096, 0x22)).AsTask();
        _local!.Pending[0].Fail();
        Assert.Single(f.Held.Pending);
        await f.ReleaseAllAsync();
        await Assert.ThrowsAsync<BlockException>(() => write);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task A_local_write_that_failed_half_way_leaves_both_disks_equal()
    {
        await using var f = await FixtureAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 0x22)).AsTask();
        await _local!.Pending[0].ApplyThenFailAsync();
        await f.ReleaseAllAsync();
        await Assert.ThrowsAsync<BlockException>(() => write);
        await BlockAssert.FilledAsync(f.LocalDisk, new BlockRange(0, 4096), 0x22);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task When_both_fail_the_guest_sees_the_local_error_and_both_cases_are_named()
    {
        await using var f = await FixtureAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 0x22)).AsTask();
        f.Held.Pending[0].Fail(BlockErrorKind.NoSpace);
        _local!.Pending[0].Fail();
        BlockException error = await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Equal((BlockErrorKind.Io, _local.Name), (error.Kind, error.Node));
        Assert.Single(f.LocalFailures);
        (BlockException failure, bool localFailedToo) = Assert.Single(f.ForwardFailures);
        Assert.True(localFailedToo);
        Assert.Equal(BlockErrorKind.NoSpace, failure.Kind);
        MirrorLoss loss = Assert.Single(f.Observer.Losses);
        Assert.Equal((MirrorLossCause.ForwardFailed, "disk0", new BlockRange(0, 4096), Errno.ENOSPC), (loss.Cause, loss.Disk, loss.Range, loss.Errno));
        await BlockAssert.FilledAsync(f.Quorum, new BlockRange(0, 4096), 0);
    }

    [Fact]
    public async Task A_failed_forward_is_not_the_guests_error_and_ends_the_session()
    {
        await using var f = await FixtureAsync();
        Task write = f.Quorum.WriteAsync(0, Data(4096, 0x22)).AsTask();
        await _local!.Pending[0].ReleaseAsync();
        f.Held.Pending[0].Fail();
        await write;
        Assert.False(Assert.Single(f.ForwardFailures).LocalFailedToo);
        Assert.Equal(MirrorLossCause.ForwardFailed, Assert.Single(f.Observer.Losses).Cause);
        Assert.Equal(1ul, f.Session.AnsweredWrites);
    }

    [Fact]
    public async Task A_forward_never_makes_a_failed_local_write_a_success()
    {
        await using var f = await FixtureAsync(new MirrorSessionOptions { Acknowledge = Acknowledge.Local });
        Task write = f.Quorum.WriteZeroesAsync(new BlockRange(0, 4096)).AsTask();
        await f.Held.Pending[0].ReleaseAsync();
        _local!.Pending[0].Fail();
        await f.ReleaseAllAsync();
        await Assert.ThrowsAsync<BlockException>(() => write);
        await f.AssertSameAsync();
    }

    [Fact]
    public async Task A_local_range_that_cannot_be_read_either_ends_the_session()
    {
        await using var f = await FixtureAsync();
        _local!.Immediate.Remove(BlockOperation.Read);
        Task write = f.Quorum.WriteAsync(0, Data(4096, 0x22)).AsTask();
        _local.Pending[0].Fail();
        _local.Pending[0].Fail();
        await Assert.ThrowsAsync<BlockException>(() => write);
        Assert.Equal(MirrorLossCause.LocalFailed, Assert.Single(f.Observer.Losses).Cause);
    }

    [Fact]
    public async Task A_failed_local_read_is_reported_and_never_served_by_the_mirror()
    {
        await using var f = await FixtureAsync();
        _local!.Immediate.Remove(BlockOperation.Read);
        byte[] buffer = Poison.Buffer(512);
        Task read = f.Quorum.ReadAsync(0, buffer).AsTask();
        _local.Pending[0].Fail();
        await Assert.ThrowsAsync<BlockException>(() => read);
        Assert.Single(f.LocalFailures);
        Assert.Equal(0, f.PeerDisk.Counts[BlockOperation.Read]);
    }

    [Fact]
    public async Task A_failed_local_flush_is_the_guests_error()
    {
        await using var f = await FixtureAsync();
        _local!.Immediate.Remove(BlockOperation.Flush);
        Task flush = f.Quorum.FlushAsync().AsTask();
        _local.Pending[0].Fail();
        await f.ReleaseAllAsync();
        await Assert.ThrowsAsync<BlockException>(() => flush);
        Assert.Single(f.LocalFailures);
    }

    [Fact]
    public async Task A_failed_forwarded_flush_is_not_the_guests_error_and_ends_the_session()
    {
        await using var f = await FixtureAsync();
        _local!.Immediate.Remove(BlockOperation.Flush);
        Task flush = f.Quorum.FlushAsync().AsTask();
        f.Held.Pending[0].Fail();
        await _local.Pending[0].ReleaseAsync();
        await flush;
        Assert.Equal(MirrorLossCause.ForwardFailed, Assert.Single(f.Observer.Losses).Cause);
    }

    private async Task<MirrorFixture> FixtureAsync(MirrorSessionOptions? options = null) =>
        await MirrorFixture.AttachedAsync(options, local: disk => _local = new DeferredNode(disk, "disk0")
        {
            Immediate = { BlockOperation.Read, BlockOperation.Flush },
        });
}
