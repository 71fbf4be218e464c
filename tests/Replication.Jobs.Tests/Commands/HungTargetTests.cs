using Replication.Block;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Tests.Commands;

/// <summary>A target that does not answer keeps neither the guest nor the node.</summary>
public sealed class HungTargetTests : IAsyncLifetime
{
    private CommandWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await CommandWorld.CreateAsync("disk0");
        await _world.Disk("disk0").FillAsync(0, 128 << 10, 0x11);
        _world.Target("t").Deferred.Immediate.Remove(BlockOperation.Write);
        _world.Target("t").Deferred.Immediate.Remove(BlockOperation.Flush);
    }

    public ValueTask DisposeAsync() => default;

    [Theory]
    [InlineData(BackupSync.Full)]
    [InlineData(BackupSync.None)]
    public async Task A_guests_write_that_waits_for_a_copy_passes_when_the_node_ends(BackupSync sync)
    {
        await _world.BackupAsync("disk0", "t", sync);
        Task writing = _world.Disk("disk0").FillAsync(0, 512, 0x99).AsTask();
        Task behind = _world.Disk("disk0").FillAsync(512, 512, 0x98).AsTask();
        Task ended = _world.Jobs.Engine.EndAsync();
        _world.Jobs.Time.Advance(Limits.EndPatience - TimeSpan.FromMilliseconds(1));
        Assert.False(writing.IsCompleted || ended.IsCompleted);
        _world.Jobs.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(writing.IsCompletedSuccessfully && behind.IsCompletedSuccessfully && ended.IsCompletedSuccessfully);
        Assert.Equal(Errno.ECANCELED, _world.Jobs.ResultOf("disk0"));
        Assert.Equal((0x99, 0x98), (_world.Disk("disk0").Memory.Snapshot()[0], _world.Disk("disk0").Memory.Snapshot()[512]));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_cancelled_backup_ends_and_its_bitmap_keeps_every_mark()
    {
        await _world.TransactAsync(false, new TransactionAction.BitmapAdd("disk0", "b"));
        await _world.Disk("disk0").FillAsync(1 << 20, 512, 0x33);
        await _world.BackupAsync("disk0", "t", BackupSync.Bitmap, "b", BitmapMode.Always);
        Task writing = _world.Disk("disk0").FillAsync(2 << 20, 512, 0x44).AsTask();
        _world.Jobs.Engine.Cancel("disk0");
        _world.Jobs.Time.Advance(Limits.CancelPatience);
        await writing;
        Assert.Equal(Errno.ECANCELED, _world.Jobs.ResultOf("disk0"));
        Assert.Equal(128 << 10, _world.Bitmap("disk0", "b").CountBytes);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_target_that_hangs_when_it_is_flushed_is_given_up_too()
    {
        _world.Target("t").Deferred.Immediate.Add(BlockOperation.Write);
        await _world.BackupAsync("disk0", "t");
        Assert.Single(_world.Target("t").Deferred.Pending);
        Task ended = _world.Jobs.Engine.EndAsync();
        _world.Jobs.Time.Advance(Limits.EndPatience);
        Assert.True(ended.IsCompletedSuccessfully);
        Assert.Equal(Errno.ECANCELED, _world.Jobs.ResultOf("disk0"));
        Assert.False(_world.Target("t").IsSealed);
        _world.CheckNothingIsLeft();
    }
}
