using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Files;
using Replication.Jobs.Backup;
using Replication.Testing;

namespace Replication.Jobs.Tests.Backup;

/// <summary>Copies that the kernel makes, and what becomes of them where it cannot.</summary>
public sealed class PointInTimeOffloadTests : IDisposable
{
    private const int Cluster = 64 << 10;
    private const int LengthBytes = 20 * Cluster + 512;

    private readonly TempDirectory _directory = new();
    private readonly TempDirectory _elsewhere = new("/dev/shm");
    private readonly BlockingWorkers _workers = new(threads: 1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_disk_is_copied_whether_or_not_the_kernel_can(bool isElsewhere)
    {
        byte[] content = DeterministicRandom.Create().Bytes(LengthBytes);
        content.AsSpan(4 * Cluster, 3 * Cluster).Clear();
        await File.WriteAllBytesAsync(_directory["source"], content);
        await using RawFile source = RawFile.Open("source", _directory["source"], _workers);
        await source.DiscardAsync(new BlockRange(4 * Cluster, 2 * Cluster));
        await using RawFile target = RawFile.CreatePrivate("target", isElsewhere ? _elsewhere["target"] : _directory["target"], LengthBytes, _workers);

        var clusters = new BlockBitmap(21);
        clusters.Set(0, 21);
        var options = new PointInTimeOptions(Cluster, Offload: CopyOffload.Between(source, target, _workers));
        var pointInTime = new PointInTime(source, target, clusters, options, new CopyBuffers(4 * Cluster), TimeProvider.System);
        Assert.Equal(LengthBytes, await pointInTime.CopyAsync(new BlockRange(0, LengthBytes)));
        await BlockAssert.ContentAsync(target, 0, content);
        Extent hole = await target.StatusAsync(new BlockRange(4 * Cluster, 2 * Cluster));
        Assert.Equal(new Extent(2 * Cluster, ExtentFlags.Hole | ExtentFlags.Zero), hole);
    }

    public void Dispose()
    {
        _workers.Dispose();
        _directory.Dispose();
        _elsewhere.Dispose();
    }
}
