using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Nbd;
using Replication.Roles;

namespace Replication.Benchmarks.Tiny;

/// <summary>
/// What a request allocates on its whole way through a pair, guest's client included. Alone in the
/// process, since what other tests allocate cannot be told from it.
/// </summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int Requests = 30_000;

    /// <summary>One small object a request would be 24; the load's own connection is 8.</summary>
    private const int BoundBytes = 20;

    /// <summary>Fewer than the session keeps payloads for.</summary>
    private const int LocalRequests = 7_000;

    /// <summary>The load's own connection is 32.</summary>
    private const int LocalBoundBytes = 80;

    private const int LargeRequests = 4_000;

    /// <summary>One payload's copy a request would be 131072; the load's connection and its chunks are 300.</summary>
    private const int LargeBoundBytes = 1000;

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task A_mirrored_write_allocates_nothing(int depth)
    {
        await using DataPath path = await StartAsync(Acknowledge.Applied);
        Assert.InRange(await MeasureAsync(path.Guest, new LoadPattern(IsRead: false, IsRandom: true, 4096, depth) { MaxRequests = Requests }), 0, BoundBytes);
        await path.AssertEqualDisksAsync();
    }

    /// <summary>
    /// How far the mirror falls behind is the machine's choice: so it is first held until it is behind by as much as it can be in the measurement.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task A_write_that_is_answered_before_the_mirror_has_it_allocates_nothing(int depth)
    {
        await using DataPath path = await StartAsync(Acknowledge.Local);
        LoadPattern pattern = new(IsRead: false, IsRandom: true, 4096, depth) { MaxRequests = LocalRequests };
        await path.HoldMirrorAsync();
        await new OwnLoad().RunAsync(path.Guest, pattern, TestTimeouts.Patience, CancellationToken.None);
        await path.ReleaseMirrorAsync();
        Assert.InRange(await MeasureAsync(path.Guest, pattern, path.DrainAsync), 0, LocalBoundBytes);
        await path.AssertEqualDisksAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    public async Task A_read_allocates_nothing(int depth)
    {
        await using DataPath path = await StartAsync(Acknowledge.Applied);
        Assert.InRange(await MeasureAsync(path.Guest, new LoadPattern(IsRead: true, IsRandom: true, 4096, depth) { MaxRequests = Requests }), 0, BoundBytes);
    }

    [Fact]
    public async Task A_large_write_allocates_nothing()
    {
        await using DataPath path = await StartAsync(Acknowledge.Applied);
        LoadPattern pattern = new(IsRead: false, IsRandom: false, 128 << 10, 8) { MaxRequests = LargeRequests };
        Assert.InRange(await MeasureAsync(path.Guest, pattern), 0, LargeBoundBytes);
        await path.AssertEqualDisksAsync();
    }

    private static async Task<DataPath> StartAsync(Acknowledge acknowledge)
    {
        DataPath path = await DataPath.StartAsync(acknowledge, 16 << 20, (name, lengthBytes) => new MemoryNode(lengthBytes, name));
        await path.MarkAsync();
        return path;
    }

    private static async Task<double> MeasureAsync(NbdAddress guest, LoadPattern pattern, Func<Task>? settle = null)
    {
        var load = new OwnLoad();
        await load.RunAsync(guest, pattern, TestTimeouts.Patience, CancellationToken.None);
        if (settle is not null)
            await settle();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        LoadResult result = await load.RunAsync(guest, pattern, TestTimeouts.Patience, CancellationToken.None);
        double bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes / result.Requests:F1} bytes a request, {result.Requests} requests");
        return bytes / result.Requests;
    }
}
