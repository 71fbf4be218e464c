using Replication.Benchmarks.Load;
using Replication.Nbd;
using Replication.Roles;

namespace Replication.Benchmarks.Tiny;

/// <summary>
/// What a request allocates on its whole way through a pair, guest's client included. Alone in the process, since what other tests allocate cannot be told from it.
/// </summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int Requests = 30_000;

    /// <summary>One small object a request would be 24; the load's own connection is 8.</summary>
    private const int BoundBytes = 20;

    private const int LargeRequests = 4_000;

    /// <summary>One payload's copy a request would be 131072; the load's connection and its chunks are 300.</summary>
    private const int LargeBoundBytes = 1000;

    [Theory]
    [InlineData(Acknowledge.Applied, 1)]
    [InlineData(Acknowledge.Applied, 32)]
    [InlineData(Acknowledge.Local, 1)]
    [InlineData(Acknowledge.Local, 32)]
    public async Task A_mirrored_write_allocates_nothing(Acknowledge acknowledge, int depth)
    {
        await using DataPath path = await DataPath.StartAsync(acknowledge);
        Assert.InRange(await MeasureAsync(path.Guest, new LoadPattern(IsRead: false, IsRandom: true, 4096, depth) { MaxRequests = Requests }), 0, BoundBytes);
        await path.AssertEqualDisksAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task A_read_allocates_nothing(int depth)
    {
        await using DataPath path = await DataPath.StartAsync(Acknowledge.Applied);
        Assert.InRange(await MeasureAsync(path.Guest, new LoadPattern(IsRead: true, IsRandom: true, 4096, depth) { MaxRequests = Requests }), 0, BoundBytes);
    }

    [Fact]
    public async Task A_large_write_allocates_nothing()
    {
        await using DataPath path = await DataPath.StartAsync(Acknowledge.Applied);
        LoadPattern pattern = new(IsRead: false, IsRandom: false, 128 << 10, 8) { MaxRequests = LargeRequests };
        Assert.InRange(await MeasureAsync(path.Guest, pattern), 0, LargeBoundBytes);
        await path.AssertEqualDisksAsync();
    }

    private static async Task<double> MeasureAsync(NbdAddress guest, LoadPattern pattern)
    {
        var load = new OwnLoad();
        await load.RunAsync(guest, pattern, TestTimeouts.Patience, CancellationToken.None);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        LoadResult result = await load.RunAsync(guest, pattern, TestTimeouts.Patience, CancellationToken.None);
        double bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes / result.Requests:F1} bytes a request, {result.Requests} requests");
        return bytes / result.Requests;
    }
}
