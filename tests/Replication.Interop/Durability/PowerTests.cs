using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Durability;

/// <summary>
/// <c>Durability: power</c> with real processes: what it costs a guest, and that a pair lives its life
/// under it. What a loss of power takes is simulated elsewhere.
/// </summary>
public sealed class PowerTests : InteropTest
{
    private const int MiB = 1 << 20;

    private static readonly TimeSpan s_slack = TimeSpan.FromMilliseconds(1500); // for a machine that does other things

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task A_secondary_whose_flush_takes_three_seconds_takes_checkpoints_and_no_write_waits_longer_than_the_deadline(string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        TimeSpan deadline = TimeSpan.FromSeconds(2);
        Pair pair = await StartNodesAsync(
            new PairOptions { Durability = "power", Acknowledge = acknowledge, Deadline = "2s", SecondaryFaults = ["node=disk0 op=flush delay=3s"] });
        await pair.DoAsync("start", "--sync", "none");
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { Depth = 8, Pause = TimeSpan.FromMilliseconds(5) });
        await load.AnswersAsync(200);
        for (int epoch = 2; epoch <= 3; epoch++)
        {
            JsonElement checkpoint = await pair.DoAsync("checkpoint");
            TestContext.Current.TestOutputHelper?.WriteLine($"{acknowledge}: {checkpoint}");
            Assert.Equal(epoch, checkpoint.GetProperty("epoch").GetInt64());
        }

        LoadReport report = await load.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{acknowledge}: {report}");
        Assert.True(report.Slowest < deadline + s_slack, $"{report}");
        Assert.Empty(await pair.EventsAsync("primary", "mirror-detached"));
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_pair_lives_through_kills_a_checkpoint_and_a_failover()
    {
        Pair pair = await StartPairAsync(new PairOptions { Durability = "power", Unix = true });
        await using (NbdClientNode guest = await pair.Primary.ConnectAsync())
        {
            await Guest.FillAsync(guest, 0, MiB, 0x22);
            await pair.DoAsync("checkpoint");
            await Guest.FillAsync(guest, 0, MiB / 2, 0x33);
            await guest.FlushAsync();
        }

        await using (NbdClientNode view = await pair.Secondary.ConnectAsync())
        {
            await Guest.FillAsync(view, 4 * MiB, MiB, 0x44);
            await view.FlushAsync();
        }

        await pair.Secondary.Process.KillAsync();
        await pair.Secondary.StartAsync();
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.DoAsync("resync");
        await pair.Primary.Process.KillAsync();
        await pair.DoAsync("failover");
        await Pair.BecomesAsync(pair.Secondary, NodeStage.Done);
        await using NbdClientNode promoted = await pair.Secondary.ConnectAsync();
        await Guest.ReadsAsync(promoted, 0, MiB, 0x22);
        await Guest.ReadsAsync(promoted, 4 * MiB, MiB, 0x44);
        await Guest.ReadsAsync(promoted, 8 * MiB, MiB, 0x11);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_pair_whose_configuration_changes_to_power_goes_on_by_its_marks()
    {
        Pair pair = await StartPairAsync(new PairOptions { Unix = true });
        await using (NbdClientNode guest = await pair.Primary.ConnectAsync())
            await Guest.FillAsync(guest, 0, MiB, 0x22);
        await pair.DoAsync("checkpoint");
        foreach (Node node in (Node[])[pair.Primary, pair.Secondary])
        {
            Assert.Equal(0, await node.Process.TerminateAsync());
            node.Settings["Durability"] = "power";
        }

        await pair.StartNodesAsync();
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.DoAsync("resync");
        JsonElement resync = (await pair.EventsAsync("primary", "resync-started"))[^1];
        Assert.Equal("marks", resync.GetProperty("way").GetString());
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }
}
