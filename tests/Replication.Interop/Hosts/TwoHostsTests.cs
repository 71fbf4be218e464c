using Colo.Protocol.V1;
using Replication.Interop.Kill;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Hosts;

/// <summary>
/// Two hosts whose wire is cut, one way, the other, both, or at the interface, whatever is going on. Each test goes
/// through all four. Invariants No hostage, Replica, Atomic, Whole, No lost dirt.
/// </summary>
public sealed class TwoHostsTests : InteropTest
{
    private const int MiB = 1 << 20;

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_slack = TimeSpan.FromMilliseconds(1500); // for a machine that does other things

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied")]
    [InlineData("local")]
    public async Task A_cut_amid_writes_costs_the_guest_one_deadline_and_the_pair_comes_back(string acknowledge)
    {
        Random random = DeterministicRandom.Create();
        TwoHosts hosts = await TwoHosts.CreateAsync();
        Pair pair = await StartNodesAsync(new PairOptions { Hosts = hosts, Acknowledge = acknowledge, Deadline = "1s" });
        await pair.DoAsync("start", "--sync", "none");
        foreach (HostCut cut in Enum.GetValues<HostCut>())
        {
            await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { FlushEvery = 100 });
            await load.AnswersAsync(random.Next(500, 3000));
            await hosts.CutAsync(cut);
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            await load.AnswersAsync(2000);
            await hosts.MendAsync();
            await load.AnswersAsync(500);
            LoadReport report = await load.StopAsync();
            TestContext.Current.TestOutputHelper?.WriteLine($"{cut}, {acknowledge}: {report}");
            report.WasDelayedAtMostOnce(s_deadline / 2);
            Assert.True(report.Slowest < s_deadline + s_slack, $"{cut}: {report}");
            await pair.ReplicateAgainAsync();
        }

        Assert.Equal(Enum.GetValues<HostCut>().Length, (await pair.EventsAsync("primary", "mirror-detached")).Count);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(HostCut.FromPrimary)]
    [InlineData(HostCut.FromSecondary)]
    [InlineData(HostCut.Both)]
    [InlineData(HostCut.InterfaceDown)]
    public async Task A_cut_amid_a_sync_and_amid_a_resync_leaves_a_guest_that_runs_and_a_pair_that_comes_back(HostCut cut)
    {
        const int disk = 32;
        const long begun = 2 * MiB;
        Random random = DeterministicRandom.Create();
        TwoHosts hosts = await TwoHosts.CreateAsync();
        // What is left of the copying when the cut comes takes ten seconds: slow enough that the cut finds it under way.
        Pair pair = await StartNodesAsync(
            new PairOptions { Hosts = hosts, Deadline = "1s", DiskLengthsBytes = [disk * MiB], SecondaryFaults = ["node=disk0 op=write delay=40ms"] });
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { Depth = 4, Pause = TimeSpan.FromMilliseconds(10) });
        CommandResult first = await CutAmidCopyingAsync(cut, hosts, pair, begun, pair.RunAsync("start", "--sync", "full"));
        Assert.NotEqual(0, first.ExitCode);
        await load.AnswersAsync(100);
        await hosts.MendAsync();
        await pair.ReplicateAgainAsync();

        // The cut that leaves something to copy, and the one amid copying it.
        await hosts.CutAsync(cut);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await using (NbdClientNode guest = await pair.Primary.ConnectAsync())
        {
            for (int at = 0; at < disk; at++)
                await guest.WriteAsync(at * MiB, random.Bytes(MiB));
        }

        await hosts.MendAsync();
        CommandResult second = await CutAmidCopyingAsync(cut, hosts, pair, begun, pair.RunAsync("start"));
        await load.AnswersAsync(100);
        await hosts.MendAsync();
        await pair.ReplicateAgainAsync();
        LoadReport report = await load.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{cut}: {first.StandardError.Trim()}; {second.StandardError.Trim()}; {report}");
        Assert.True(report.Slowest < s_deadline + s_slack, $"{cut}: {report}");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_cut_amid_a_checkpoint_leaves_the_old_epoch_or_the_new_one_on_all_disks()
    {
        const int cells = 8 << 10;
        Random random = DeterministicRandom.Create();
        TwoHosts hosts = await TwoHosts.CreateAsync();
        Pair pair = await StartNodesAsync(KillRounds.Options(cells) with { Hosts = hosts, Deadline = "1s" });
        await pair.DoAsync("start", "--sync", "none");
        KillRounds rounds = KillRounds.Of(pair, cells, random);
        foreach (HostCut cut in Enum.GetValues<HostCut>())
        {
            RunningWriters ofPrimary = await rounds.WriteAsync(pair.Primary);
            RunningWriters ofSecondary = await rounds.WriteAsync(pair.Secondary);
            await rounds.SomeWritesAsync();
            PairCheckpoint first = await PairCheckpoint.TakeAsync(pair, rounds.Model);
            await rounds.SomeWritesAsync();
            var second = new PairCheckpoint(pair, rounds.Model);
            // An iptables or ip of its own takes some milliseconds until it acts.
            Task cutting = hosts.CutAsync(cut);
            await Task.Delay(random.Next(12));
            await second.TryAsync();
            await cutting;
            second.Close();
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            await rounds.SomeWritesAsync();
            await ofPrimary.StopAsync();
            await ofSecondary.StopAsync();
            ulong epoch = (await pair.Secondary.Service.GetStatusAsync(new GetStatusRequest())).Status.Epoch;
            Assert.InRange(epoch, first.Epoch, first.Epoch + 1);
            TestContext.Current.TestOutputHelper?.WriteLine($"{cut}: epoch {epoch - first.Epoch} of 1");
            PairCheckpoint valid = epoch == first.Epoch ? first : second;
            rounds.Model.CheckPrimary(await rounds.ReadAsync(pair.Primary));
            rounds.Model.CheckView(await rounds.ReadAsync(pair.Secondary), valid.Before, valid.Gone);
            await hosts.MendAsync();
            await rounds.StartAgainAsync();
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    private static async Task<CommandResult> CutAmidCopyingAsync(HostCut cut, TwoHosts hosts, Pair pair, long doneBytes, Task<CommandResult> verb)
    {
        await pair.CopyingAsync(doneBytes, verb);
        await hosts.CutAsync(cut);
        return await verb;
    }
}
