using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Fleecing;
using Replication.Jobs.Tests.Commands;
using Replication.Testing;
using static Replication.Jobs.Tests.Fleecing.FleeceWorld;

namespace Replication.Jobs.Tests.Fleecing;

/// <summary>Quotas, leases and targets in trouble: the fleece ends, the guest goes on.</summary>
public sealed class FleeceEndTests : IAsyncLifetime
{
    private static readonly FleeceCommand s_small = new() { Device = "disk0", Name = "f", Target = "t", QuotaBytes = 8 * Cluster };

    private FleeceWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await FleeceWorld.CreateAsync();
        await _world.Disk.FillAsync(0, (int)CommandWorld.LengthBytes, 0x11);
    }

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task At_the_quota_the_fleece_is_lost_and_never_a_guests_write()
    {
        await _world.Commands.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "b0", Cluster));
        await _world.Disk.FillAsync(0, 16 * Cluster, 0x22);
        BlockNode reader = await _world.OpenAsync(s_small with { Bitmap = "b0", OnCbwError = OnCbwError.BreakGuestWrite });
        await OverwriteAsync(0, 8);
        await BlockAssert.FilledAsync(reader, new BlockRange(0, 16 * Cluster), 0x22);
        await OverwriteAsync(8, 9);
        BlockException denied = await BlockAssert.FailsAsync(reader.ReadAsync(0, new byte[512]));
        Assert.Equal(Errno.EACCES, denied.Errno);
        Assert.Contains($"the quota of {8 * Cluster} bytes of old content is used up", denied.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.ENOSPC, _world.Commands.Jobs.ResultOf("f"));
        Assert.Equal(["f: opened", "f: 6 of 8", $"f: broken {Errno.ENOSPC}"], _world.Told);
        // Its job has given up everything, and the export stays to say why.
        Assert.Equal(17 * Cluster, _world.Commands.Bitmap("disk0", "b0").CountBytes + Cluster);
        Assert.False(_world.Commands.Target("t").IsOpen);
        Assert.Equal(Errno.ENOSPC, _world.Info("f").Broken?.Errno);
        await BlockAssert.FailsAsync(reader.DiscardAsync(new BlockRange(0, Cluster)));
        JobException refused = await _world.RefusalAsync(() => _world.Fleeces.CloseAsync("f", isDone: true, default));
        Assert.Contains("cannot count as read", refused.Message, StringComparison.Ordinal);
        await _world.Fleeces.CloseAsync("f", isDone: false, default);
        Assert.Equal("f: closed", _world.Told[^1]);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task What_reads_as_zeroes_takes_nothing_of_the_quota()
    {
        await _world.Disk.Job.Node.DiscardAsync(new BlockRange(0, 16 * Cluster));
        await _world.Disk.Memory.WriteAsync(16 * Cluster, new byte[16 * Cluster]);
        BlockNode reader = await _world.OpenAsync(s_small);
        await OverwriteAsync(0, 32);
        Assert.Equal(0, _world.Info("f").HeldBytes);
        await BlockAssert.FilledAsync(reader, new BlockRange(0, 32 * Cluster), 0);
    }

    [Fact]
    public async Task High_water_is_told_again_when_it_has_been_low()
    {
        BlockNode reader = await _world.OpenAsync(s_small);
        await OverwriteAsync(0, 7);
        await reader.DiscardAsync(new BlockRange(0, 2 * Cluster));
        await OverwriteAsync(7, 9);
        Assert.Equal(["f: opened", "f: 6 of 8"], _world.Told);
        await reader.DiscardAsync(new BlockRange(0, 7 * Cluster));
        await OverwriteAsync(9, 14);
        Assert.Equal(["f: opened", "f: 6 of 8", "f: 6 of 8"], _world.Told);
    }

    [Fact]
    public async Task A_target_is_closed_when_the_last_reader_has_left_it()
    {
        BlockNode reader = await _world.OpenAsync(s_small with { QuotaBytes = Cluster });
        await OverwriteAsync(0, 1);
        CommandWorld.TestTarget target = _world.Commands.Target("t");
        target.Deferred.Immediate.Remove(BlockOperation.Read);
        Task reading = reader.ReadAsync(0, new byte[512]).AsTask();
        await OverwriteAsync(1, 2);
        Assert.NotNull(_world.Info("f").Broken);
        Assert.True(target.IsOpen);
        await target.Deferred.ReleaseAllAsync();
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(new ValueTask(reading))).Errno);
        Assert.False(target.IsOpen);
    }

    [Fact]
    public async Task A_target_that_fails_costs_the_fleece_and_not_the_guest()
    {
        await _world.OpenAsync(s_small);
        CommandWorld.TestTarget target = _world.Commands.Target("t");
        target.Deferred.Immediate.Remove(BlockOperation.Write);
        Task writing = OverwriteAsync(0, 1);
        target.Deferred.Pending[0].Fail();
        await writing;
        Assert.Equal(Errno.EIO, _world.Commands.Jobs.ResultOf("f"));
        await _world.Fleeces.CloseAsync("f", isDone: false, default);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_target_that_fails_fails_the_guests_write_where_that_is_wanted()
    {
        BlockNode reader = await _world.OpenAsync(s_small with { OnCbwError = OnCbwError.BreakGuestWrite });
        CommandWorld.TestTarget target = _world.Commands.Target("t");
        target.Deferred.Immediate.Remove(BlockOperation.Write);
        Task writing = OverwriteAsync(0, 1);
        target.Deferred.Pending[0].Fail();
        await BlockAssert.FailsAsync(new ValueTask(writing));
        target.Deferred.Immediate.Add(BlockOperation.Write);
        await OverwriteAsync(0, 1);
        await BlockAssert.FilledAsync(reader, new BlockRange(0, CommandWorld.LengthBytes), 0x11);
    }

    [Fact]
    public async Task A_target_that_hangs_costs_a_guest_ten_seconds_once()
    {
        await _world.OpenAsync(s_small);
        CommandWorld.TestTarget target = _world.Commands.Target("t");
        target.Deferred.Immediate.Remove(BlockOperation.Write);
        Task writing = OverwriteAsync(0, 1);
        _world.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(writing.IsCompleted);
        _world.Time.Advance(TimeSpan.FromSeconds(0.1));
        await writing;
        await OverwriteAsync(1, 2);
        Assert.Equal(["f: opened", $"f: broken {Errno.ETIMEDOUT}"], _world.Told);
        // It holds the disk for as long as the copy may still come to an end.
        Assert.Equal(JobStatus.Aborting, _world.Commands.Jobs.StatusOf("f"));
        _world.Time.Advance(Limits.CancelPatience);
        Assert.Equal(Errno.ETIMEDOUT, _world.Commands.Jobs.ResultOf("f"));
        await _world.Fleeces.CloseAsync("f", isDone: false, default);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task What_was_read_counts_though_the_fleece_is_lost_while_it_is_closed()
    {
        await _world.Commands.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "b0", Cluster));
        await _world.Disk.FillAsync(0, 4 * Cluster, 0x22);
        await _world.OpenAsync(s_small with { Bitmap = "b0" });
        CommandWorld.TestTarget target = _world.Commands.Target("t");
        target.Deferred.Immediate.Remove(BlockOperation.Write);
        Task writing = OverwriteAsync(0, 1);
        // The job has succeeded, and waits for the copy under way.
        Task closing = _world.Fleeces.CloseAsync("f", isDone: true, default);
        Assert.False(closing.IsCompleted);
        _world.Time.Advance(TimeSpan.FromSeconds(10));
        await writing;
        await closing.WaitAsync(TestTimeouts.Patience);
        Assert.Equal("f: done", _world.Told[^1]);
        Assert.Equal(Cluster, _world.Commands.Bitmap("disk0", "b0").CountBytes);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_lease_that_nobody_renews_closes_it()
    {
        await _world.OpenAsync();
        Assert.Equal(TimeSpan.FromHours(1), _world.Info("f").LeaseLeft);
        _world.Time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(TimeSpan.FromMinutes(2), _world.Fleeces.Renew("f", TimeSpan.FromMinutes(2)).LeaseLeft);
        _world.Time.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(TimeSpan.FromHours(1), _world.Fleeces.Renew("f", null).LeaseLeft);
        _world.Time.Advance(TimeSpan.FromMinutes(60) - TimeSpan.FromMilliseconds(1));
        Assert.Single(_world.Fleeces.List());
        _world.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("f: expired", _world.Told[^1]);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_lease_also_takes_away_what_was_given_up()
    {
        await _world.OpenAsync(s_small with { QuotaBytes = Cluster, Lease = TimeSpan.FromSeconds(5) });
        await OverwriteAsync(0, 2);
        _world.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["f: opened", "f: 1 of 1", $"f: broken {Errno.ENOSPC}", "f: expired"], _world.Told);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task One_without_a_lease_stays()
    {
        await _world.OpenAsync(s_small with { Lease = TimeSpan.Zero });
        _world.Time.Advance(TimeSpan.FromDays(30));
        Assert.Null(_world.Info("f").LeaseLeft);
        Assert.Equal(TimeSpan.FromSeconds(1), _world.Fleeces.Renew("f", TimeSpan.FromSeconds(1)).LeaseLeft);
        _world.Time.Advance(TimeSpan.FromSeconds(1));
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task Arguments_that_cannot_be_are_refused()
    {
        foreach ((FleeceCommand command, string why) in new[]
        {
            (s_small with { QuotaBytes = -1 }, "a quota of -1 bytes"),
            (s_small with { QuotaBytes = Cluster - 1 }, "a quota of 65535 bytes"),
            (s_small with { Lease = TimeSpan.FromTicks(-1) }, "a lease must be"),
            (s_small with { Lease = TimeSpan.FromDays(8) }, "7 days at most"),
            (s_small with { CbwTimeout = TimeSpan.FromTicks(-1) }, "a cbw-timeout must be"),
        })
        {
            JobException refused = await _world.RefusalAsync(() => _world.OpenAsync(command));
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        }

        Assert.Contains("name a disk", (await _world.RefusalAsync(() => _world.Fleeces.OpenAsync([], default))).Message, StringComparison.Ordinal);
        await _world.CheckNothingIsLeftAsync();
    }

    private async Task OverwriteAsync(int firstCluster, int endCluster)
    {
        for (int cluster = firstCluster; cluster < endCluster; cluster++)
            await _world.Disk.FillAsync((long)cluster * Cluster, 512, 0xEE);
    }
}
