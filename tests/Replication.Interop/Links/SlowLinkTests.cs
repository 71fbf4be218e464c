using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Links;

/// <summary>What is slow and healthy is not detached, and costs a guest request at most the deadline. Invariants No hostage, Replica.</summary>
public sealed class SlowLinkTests : InteropTest
{
    private const int MiB = 1 << 20;
    private const long GigabitBytes = 125_000_000;

    // For a machine that does other things, on top of a deadline that is long for the same reason.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_slack = TimeSpan.FromSeconds(1.5);

    /// <summary>Half a second of the link's time is always under way: each request is kept about as long as the default deadline.</summary>
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied", "64MiB", MiB)]
    [InlineData("local", "64MiB", MiB)]
    [InlineData("local", "64MiB", 4 * MiB)]
    [InlineData("applied", "128MiB", 4 * MiB)]
    public async Task A_full_window_over_one_gigabit_is_no_reason_to_detach(string acknowledge, string window, int requestBytes)
    {
        Random random = DeterministicRandom.Create();
        var options = new PairOptions
        {
            Acknowledge = acknowledge,
            Deadline = "1s",
            Window = window,
            DiskLengthsBytes = [256 * MiB],
            Link = new Link(GigabitBytes, TimeSpan.FromMilliseconds(1))
        };
        Pair pair = await StartNodesAsync(options);
        await pair.DoAsync("start", "--sync", "none");
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { RequestBytes = requestBytes, Disjoint = true });
        await Task.Delay(TimeSpan.FromSeconds(6));
        LoadReport report = await load.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{acknowledge}, window {window}, {requestBytes / MiB} MiB: {report}");
        await NothingWasDetachedAsync(pair);
        Assert.True(report.Slowest < s_deadline + s_slack, $"{report}");
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task A_secondary_whose_flush_takes_three_seconds_stays_attached(string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        Pair pair = await StartNodesAsync(new PairOptions { Acknowledge = acknowledge, Deadline = "1s", SecondaryFaults = ["node=disk0 op=flush delay=3s"] });
        await pair.DoAsync("start", "--sync", "none");
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { Depth = 8, FlushEvery = 50 });
        await Task.Delay(TimeSpan.FromSeconds(8));
        LoadReport report = await load.StopAsync();
        LoadReport flushes = report.Only(LoadKind.Flush);
        TestContext.Current.TestOutputHelper?.WriteLine($"{acknowledge}: {report}; flushes: {flushes}");
        Assert.True(flushes.Count > 0, "no flush was answered");
        await NothingWasDetachedAsync(pair);
        Assert.True(report.Slowest < s_deadline + s_slack, $"{report}");
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    private static async Task NothingWasDetachedAsync(Pair pair)
    {
        IReadOnlyList<JsonElement> detached = await pair.EventsAsync("primary", "mirror-detached");
        Assert.True(detached.Count == 0, $"detached: {string.Join("; ", detached)}");
        Assert.Equal(NodeStage.Replicating, await Pair.StageOfAsync(pair.Primary));
    }
}
