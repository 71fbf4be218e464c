using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Fleecing;
using Replication.Jobs.Tests.Commands;
using Replication.Nbd;
using Replication.Testing;
using static Replication.Jobs.Tests.Fleecing.FleeceWorld;

namespace Replication.Jobs.Tests.Fleecing;

/// <summary>Fleecing exports: what their readers see, and what ends them.</summary>
public sealed class FleecesTests : IAsyncLifetime
{
    private static readonly byte[] s_new = [.. Enumerable.Repeat((byte)0xEE, 512)];

    private FleeceWorld _world = null!;
    private byte[] _before = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await FleeceWorld.CreateAsync();
        _before = DeterministicRandom.Create().Bytes((int)CommandWorld.LengthBytes);
        await _world.Disk.Job.Node.WriteAsync(0, _before);
    }

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task A_reader_sees_the_moment_and_closing_leaves_nothing()
    {
        BlockNode reader = await _world.OpenAsync(new FleeceCommand { Device = "disk0" });
        await _world.Disk.Job.Node.WriteZeroesAsync(new BlockRange(0, CommandWorld.LengthBytes / 2));
        await BlockAssert.ContentAsync(reader, 0, _before);
        FleeceInfo info = _world.Info("disk0.fleece-1");
        Assert.Equal(("disk0", null, CommandWorld.LengthBytes, 33 * Cluster), (info.Device, info.Target, info.LengthBytes, info.HeldBytes));
        Assert.Equal(1UL, info.Epoch);
        Assert.Equal(JobStatus.Running, _world.Commands.Jobs.StatusOf(info.Name));
        Assert.Single(_world.Files.List());
        await _world.Fleeces.CloseAsync(info.Name, isDone: false, default);
        Assert.Equal([$"{info.Name}: opened", $"{info.Name}: closed"], _world.Told);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task Those_of_several_disks_have_one_moment()
    {
        await _world.Fleeces.OpenAsync([new FleeceCommand { Device = "disk0" }, new FleeceCommand { Device = "disk1" }], default);
        Assert.Equal(["disk0.fleece-1", "disk1.fleece-2"], _world.Fleeces.List().Select(fleece => fleece.Name));
        Assert.Equal(_world.Fleeces.List()[0].OpenedAt, _world.Fleeces.List()[1].OpenedAt);
        await _world.Disk.Job.Node.WriteAsync(0, s_new);
        await _world.Commands.Disk("disk1").FillAsync(0, 512, 0x99);
        await BlockAssert.ContentAsync(_world.Reader("disk0.fleece-1"), 0, _before);
        await BlockAssert.FilledAsync(_world.Reader("disk1.fleece-2"), new BlockRange(0, CommandWorld.LengthBytes), 0);
    }

    [Fact]
    public async Task Where_one_is_refused_none_is_opened()
    {
        JobException refused = await _world.RefusalAsync(() =>
            _world.Fleeces.OpenAsync([new FleeceCommand { Device = "disk0" }, new FleeceCommand { Device = "disk7" }], default));
        Assert.Equal(JobErrorClass.DeviceNotFound, refused.Class);
        Assert.Empty(_world.Told);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task What_its_bitmap_does_not_mark_is_denied()
    {
        await MarkAsync("b0", 3, 5);
        BlockNode reader = await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = "b0" });
        byte[] now = _world.Disk.Memory.Snapshot();
        await _world.Disk.Job.Node.WriteZeroesAsync(new BlockRange(0, CommandWorld.LengthBytes));
        await BlockAssert.ContentAsync(reader, 3 * Cluster, now.AsSpan(3 * Cluster, 2 * Cluster).ToArray());
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(reader.ReadAsync(0, new byte[512]))).Errno);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(reader.ReadAsync(5 * Cluster, new byte[512]))).Errno);
        Assert.Equal(2 * Cluster, _world.Info("f").HeldBytes);
        INbdMetaContext bitmap = _world.Context("f", "qemu:dirty-bitmap:b0");
        Assert.Equal(new NbdExtent(2 * Cluster, 1), await bitmap.StatusAsync(BlockRange.FromBounds(3 * Cluster, CommandWorld.LengthBytes)));
        Assert.True(_world.Commands.Bitmap("disk0", "b0").IsBusy);
    }

    [Fact]
    public async Task A_bitmap_that_was_not_read_keeps_its_marks()
    {
        await MarkAsync("b0", 3, 5);
        await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = "b0" });
        await _world.Disk.Job.Node.WriteAsync(7 * Cluster, s_new);
        await _world.Fleeces.CloseAsync("f", isDone: false, default);
        Assert.Equal(3 * Cluster, _world.Commands.Bitmap("disk0", "b0").CountBytes);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_bitmap_that_was_read_begins_anew_at_the_moment()
    {
        await MarkAsync("b0", 3, 5);
        await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = "b0" });
        await _world.Disk.Job.Node.WriteAsync(7 * Cluster, s_new);
        await _world.Fleeces.CloseAsync("f", isDone: true, default);
        Assert.Equal(Cluster, _world.Commands.Bitmap("disk0", "b0").CountBytes);
        Assert.Equal("f: done", _world.Told[^1]);
        Assert.Equal(0, _world.Commands.Jobs.ResultOf("f"));
        await _world.CheckNothingIsLeftAsync();
    }

    [Theory]
    [InlineData("x", "no bitmap 'x'")]
    [InlineData("b0", "is busy")]
    public async Task A_bitmap_that_cannot_limit_it_is_refused_before_anything_is_made(string bitmap, string why)
    {
        await MarkAsync("b0", 3, 5);
        _world.Commands.Target("t").Deferred.Immediate.Remove(BlockOperation.Write);
        await _world.Commands.BackupAsync("disk0", "t", BackupSync.Incremental, "b0");
        _world.Commands.Target("u").Refusal = "it was opened";
        JobException refused = await _world.RefusalAsync(() =>
            _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = bitmap, Target = "u" }));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Depth_tells_what_is_kept_already()
    {
        await MarkAsync("b0", 1, 4);
        await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = "b0" });
        await _world.Disk.Job.Node.WriteAsync(2 * Cluster, s_new);
        INbdMetaContext depth = _world.Context("f", NbdContextNames.AllocationDepth);
        List<(long, uint)> extents = [];
        for (long offset = 0; offset < CommandWorld.LengthBytes;)
        {
            NbdExtent extent = await depth.StatusAsync(BlockRange.FromBounds(offset, CommandWorld.LengthBytes));
            extents.Add((offset / Cluster, extent.Flags));
            offset += extent.LengthBytes;
        }

        Assert.Equal([(0, 0U), (1, 2U), (2, 1U), (3, 2U), (4, 0U)], extents);
    }

    [Fact]
    public async Task Its_job_being_cancelled_closes_it()
    {
        await _world.OpenAsync();
        _world.Commands.Jobs.Engine.Cancel("f");
        Assert.Equal("f: closed", _world.Told[^1]);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_paused_one_can_be_closed_and_cannot_be_done()
    {
        await MarkAsync("b0", 3, 5);
        BlockNode reader = await _world.OpenAsync(new FleeceCommand { Device = "disk0", Name = "f", Bitmap = "b0" });
        _world.Commands.Jobs.Engine.Pause("f");
        JobException refused = await _world.RefusalAsync(() => _world.Fleeces.CloseAsync("f", isDone: true, default));
        Assert.Contains("paused; resume it", refused.Message, StringComparison.Ordinal);
        await BlockAssert.ContentAsync(reader, 3 * Cluster, _world.Disk.Memory.Snapshot().AsSpan(3 * Cluster, Cluster).ToArray());
        await _world.Fleeces.CloseAsync("f", isDone: false, default);
        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task What_a_reader_gives_back_is_denied_and_makes_room()
    {
        BlockNode reader = await _world.OpenAsync();
        await _world.Disk.Job.Node.WriteZeroesAsync(new BlockRange(0, 4 * Cluster));
        Assert.Equal(4 * Cluster, _world.Info("f").HeldBytes);
        await reader.DiscardAsync(new BlockRange(Cluster, 2 * Cluster));
        Assert.Equal(2 * Cluster, _world.Info("f").HeldBytes);
        Assert.Equal(Errno.EACCES, (await BlockAssert.FailsAsync(reader.ReadAsync(Cluster, new byte[512]))).Errno);
        await BlockAssert.ContentAsync(reader, 0, _before.AsSpan(0, Cluster).ToArray());
    }

    [Fact]
    public async Task It_leaves_guests_their_connections()
    {
        await _world.OpenAsync();
        Assert.Equal(Limits.FleeceReaders, _world.Export("f").MaxConnections);
    }

    [Fact]
    public async Task Names_are_checked_before_anything_is_made()
    {
        await _world.OpenAsync();
        _world.Commands.Target("u").Refusal = "it was opened";
        foreach ((string name, string why) in new[] { ("f", "already"), ("disk1", "a disk's export"), ("7", "no name of a job"), ("a/b", "no name of a job") })
        {
            JobException refused = await _world.RefusalAsync(() =>
                _world.OpenAsync(new FleeceCommand { Device = "disk1", Name = name, Target = "u" }));
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_name_is_free_again_when_closing_has_returned()
    {
        for (int i = 0; i < 3; i++)
        {
            await _world.OpenAsync();
            await _world.Fleeces.CloseAsync("f", isDone: i == 1, default);
        }

        await _world.CheckNothingIsLeftAsync();
    }

    [Fact]
    public async Task One_that_is_not_there_is_not_found()
    {
        Assert.Equal(JobErrorClass.DeviceNotFound, (await _world.RefusalAsync(() => _world.Fleeces.CloseAsync("f", false, default))).Class);
        Assert.Equal(JobErrorClass.DeviceNotFound, Assert.Throws<JobException>(() => _world.Fleeces.Renew("f", null)).Class);
    }

    [Fact]
    public async Task A_disk_of_which_one_is_open_takes_no_other_job()
    {
        await _world.OpenAsync();
        Assert.Contains("busy", (await _world.RefusalAsync(() => _world.Commands.BackupAsync("disk0", "t"))).Message, StringComparison.Ordinal);
        await _world.Commands.BackupAsync("disk1", "t");
        Assert.Equal(0, _world.Commands.Jobs.ResultOf("disk1"));
    }

    [Fact]
    public async Task The_end_of_the_node_closes_all()
    {
        await _world.OpenAsync();
        await _world.OpenAsync(new FleeceCommand { Device = "disk1", Name = "g", QuotaBytes = Cluster });
        await _world.Commands.Disk("disk1").FillAsync(0, 2 * Cluster, 0x22);
        await _world.Commands.Jobs.Engine.EndAsync();
        await _world.Fleeces.DisposeAsync();
        _world.CheckNothingIsThere();
    }

    [Fact]
    public async Task What_a_kill_has_left_goes_at_the_next_start()
    {
        await _world.OpenAsync();
        _world.Files.Create("bitmap-1", 512, "another");
        _ = new ScratchFiles(_world.Files);
        Assert.Equal(["bitmap-1"], _world.Files.List());
    }

    private async Task MarkAsync(string bitmap, int first, int end)
    {
        await _world.Commands.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", bitmap, Cluster));
        await _world.Disk.FillAsync(first * Cluster, (end - first) * Cluster, 0x44);
    }
}
