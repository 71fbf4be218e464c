using Replication.Benchmarks.Load;
using Replication.Block.Bitmaps;
using Replication.Block.Locks;
using Replication.Block.Snapshots;
using Replication.Jobs.Backup;
using Replication.Nbd;

namespace Replication.Benchmarks.Tiny;

/// <summary>What a guest's write allocates while a point in time of its disk is kept. Alone in the process, as <see cref="AllocationTests"/>.</summary>
[Collection(nameof(AllocationTests))]
public sealed class SnapshotAllocationTests
{
    private const int DiskBytes = 128 << 20;
    private const int ClusterBytes = 4 << 10;
    private const int Requests = DiskBytes / ClusterBytes;

    /// <summary>One small object a request would be 24.</summary>
    private const int BoundBytes = 20;

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task A_write_whose_old_content_is_copied_before_allocates_nothing(int depth)
    {
        using var directory = new TempDirectory();
        var gate = new GroupGate(TimeProvider.System);
        await using var disk = new MemoryNode(DiskBytes, "disk", fill: 0x11);
        await using var target = new MemoryNode(DiskBytes, "target");
        var guest = new BeforeWriteNode("guest", disk, gate);
        var exports = new NbdExportTable();
        exports.Add(new NbdExport("guest", guest));
        NbdListener listener = new(NbdAddress.Unix(directory["nbd"]));
        await using var server = new NbdServer([listener], exports);
        server.Start();
        NbdAddress address = listener.LocalAddress with { ExportName = "guest" };
        LoadPattern pattern = new(IsRead: false, IsRandom: true, ClusterBytes, depth) { MaxRequests = Requests };
        var buffers = new CopyBuffers(ClusterBytes);
        PointInTime first = await BeginAsync();
        await new OwnLoad().RunAsync(address, pattern, TestTimeouts.Patience, CancellationToken.None);
        guest.Remove(first);
        PointInTime second = await BeginAsync();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        LoadResult result = await new OwnLoad().RunAsync(address, pattern, TestTimeouts.Patience, CancellationToken.None);
        double bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes / result.Requests:F1} bytes a request, {result.Requests} requests");
        Assert.InRange(second.ToCopyBytes, 0, DiskBytes / 2);
        Assert.InRange(bytes / result.Requests, 0, BoundBytes);

        async Task<PointInTime> BeginAsync()
        {
            var wanted = new BlockBitmap(Requests);
            wanted.Set(0, Requests);
            var begun = new PointInTime(disk, target, wanted, new PointInTimeOptions(ClusterBytes), buffers, TimeProvider.System);
            Assert.True(await gate.CloseAsync(TestTimeouts.Patience));
            guest.Add(begun);
            gate.Open();
            return begun;
        }
    }
}
