using System.Text.Json;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Links;

/// <summary>
/// A peer that is gone, hung or out of reach costs a writing guest one deadline, once; then the pair comes back. Invariants No hostage, Replica, No lost dirt.
/// </summary>
public sealed class HungPeerTests : InteropTest
{
    private const int MiB = 1 << 20;

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_slack = TimeSpan.FromMilliseconds(1500); // for a machine that does other things

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(Trouble.Frozen, "applied")]
    [InlineData(Trouble.Frozen, "local")]
    [InlineData(Trouble.DiskHangs, "applied")]
    [InlineData(Trouble.DiskHangs, "local")]
    [InlineData(Trouble.Stalled, "applied")]
    [InlineData(Trouble.Stalled, "local")]
    [InlineData(Trouble.RequestsStalled, "applied")]
    [InlineData(Trouble.RepliesStalled, "applied")]
    [InlineData(Trouble.RequestsEnd, "applied")]
    [InlineData(Trouble.RepliesEnd, "applied")]
    [InlineData(Trouble.Cut, "applied")]
    [InlineData(Trouble.Cut, "local")]
    [InlineData(Trouble.StalledThenCut, "applied")]
    public async Task A_writing_guest_waits_for_a_lost_peer_once_and_the_pair_comes_back(Trouble trouble, string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        var link = new Link();
        Pair pair = await StartNodesAsync(new PairOptions
        {
            Acknowledge = acknowledge,
            Deadline = "1s",
            Link = link,
            SecondaryFaults = trouble == Trouble.DiskHangs ? ["node=disk0 op=write nth=500 break=hang"] : [],
        });
        await pair.DoAsync("start", "--sync", "none");
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { FlushEvery = 100 });
        if (trouble != Trouble.DiskHangs)
            await load.AnswersAsync(random.Next(500, 3000));
        await BeginAsync(trouble, pair, link);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        long detached = TimeProvider.System.GetTimestamp();
        await load.AnswersAsync(3000);
        LoadReport report = await load.StopAsync();
        LoadReport after = report.After(detached);
        TestContext.Current.TestOutputHelper?.WriteLine($"{trouble}, {acknowledge}: {report}; alone: {after}");
        report.WasDelayedAtMostOnce(s_deadline / 2);
        Assert.True(report.Slowest < s_deadline + s_slack, $"{report}");
        Assert.True(after.Slowest < s_deadline, $"alone: {after}");

        JsonElement detachment = Assert.Single(await pair.EventsAsync("primary", "mirror-detached"));
        Assert.NotEmpty(detachment.GetProperty("cause").GetString()!);
        JsonElement disk = (await pair.StatusAsync("primary")).GetProperty("disks")[0];
        Assert.True(disk.GetProperty("dirtyBytes").GetInt64() > 0, $"nothing is marked: {disk}");
        await EndAsync(trouble, pair, link);
        await pair.DoAsync("start");
        await using (GuestLoad again = await GuestLoad.StartAsync(pair.Primary, random))
        {
            await again.AnswersAsync(500);
            await again.StopAsync();
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        Assert.Single(await pair.EventsAsync("primary", "mirror-detached"));
    }

    /// <summary>Scenario 25, on the wire: what a dead session sent arrives after the next one has begun.</summary>
    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task Bytes_that_a_slow_network_delivers_after_their_session_has_died_never_land(string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        var link = new Link();
        Pair pair = await StartNodesAsync(new PairOptions { Acknowledge = acknowledge, Deadline = "300ms", Link = link, DiskLengthsBytes = [8 * MiB] });
        await pair.DoAsync("start", "--sync", "none");
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        for (int round = 0; round < 3; round++)
        {
            link.Forth.Stall();
            // As much as the wire and all socket buffers take, and more.
            int[] places = [.. Enumerable.Range(0, 64).Select(_ => random.Next((8 * MiB) - (64 << 10)))];
            await Task.WhenAll(places.Select(at => Guest.FillAsync(primary, at, 64 << 10, (byte)(0x80 + round))));
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            foreach (int at in places)
                await Guest.FillAsync(primary, at, 64 << 10, (byte)(0x40 + round));
            byte[] expected = await Guest.ReadAllAsync(primary);
            link.Resume();
            await pair.DoAsync("start");
            await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
            BlockAssert.Equal(expected, await Guest.ReadAllAsync(secondary));
            await pair.DoAsync("checkpoint");
            BlockAssert.Equal(expected, await Guest.ReadAllAsync(secondary));
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
        Assert.Equal(3, (await pair.EventsAsync("primary", "mirror-detached")).Count);
    }

    private static async Task BeginAsync(Trouble trouble, Pair pair, Link link)
    {
        switch (trouble)
        {
            case Trouble.Frozen: await pair.Secondary.Process.FreezeAsync(); break;
            case Trouble.DiskHangs: break; // the rule knows when
            case Trouble.Stalled: link.Stall(); break;
            case Trouble.RequestsStalled: link.Forth.Stall(); break;
            case Trouble.RepliesStalled: link.Back.Stall(); break;
            case Trouble.RequestsEnd: link.HalfClose(forth: true); break;
            case Trouble.RepliesEnd: link.HalfClose(forth: false); break;
            case Trouble.Cut: link.Cut(); break;
            case Trouble.StalledThenCut:
                link.Stall();
                await Task.Delay(s_deadline * 0.8);
                link.Cut();
                break;
            default: throw new ArgumentOutOfRangeException(nameof(trouble));
        }
    }

    private static async Task EndAsync(Trouble trouble, Pair pair, Link link)
    {
        link.Resume();
        link.Mend();
        if (trouble == Trouble.Frozen)
            await pair.Secondary.Process.ThawAsync();
        if (trouble == Trouble.DiskHangs)
        {
            // Nothing but a reboot helps a host whose disk has hung.
            await pair.Secondary.Process.KillAsync();
            pair.Secondary.Settings["Faults"] = new JsonArray();
            await pair.Secondary.StartAsync();
        }
    }
}
