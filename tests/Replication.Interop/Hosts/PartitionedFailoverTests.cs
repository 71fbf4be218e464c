using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Hosts;

/// <summary>A failover and its commit while the wire between the hosts is cut. Invariants Fence, Commit, No hostage.</summary>
public sealed class PartitionedFailoverTests : InteropTest
{
    private const int MiB = 1 << 20;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(HostCut.FromPrimary)]
    [InlineData(HostCut.FromSecondary)]
    [InlineData(HostCut.Both)]
    [InlineData(HostCut.InterfaceDown)]
    public async Task A_cut_amid_a_failover_leaves_one_head_and_the_view_as_it_was(HostCut cut)
    {
        Random random = DeterministicRandom.Create();
        TwoHosts hosts = await TwoHosts.CreateAsync();
        Pair pair = await StartNodesAsync(new PairOptions { Hosts = hosts, Deadline = "1s", SecondaryFaults = ["node=disk0.commit op=write delay=5ms"] });
        await pair.DoAsync("start", "--sync", "none");
        await using NbdClientNode guest = await pair.Secondary.ConnectAsync();
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { Depth = 8, Pause = TimeSpan.FromMilliseconds(2) });
        await load.AnswersAsync(500);
        await pair.DoAsync("checkpoint");
        await guest.WriteAsync(random.Next(MiB), random.Bytes(MiB));
        byte[] view = await Guest.ReadAllAsync(guest);
        await load.AnswersAsync(1000);

        // Before the promotion's first question to the primary, between its two, or in the commit.
        Task cutting = DelayedAsync(random.Next(150), () => hosts.CutAsync(cut));
        FailoverResponse? promoted = await FailoverAsync(pair);
        long returned = TimeProvider.System.GetTimestamp();
        await cutting;
        if (promoted is null)
        {
            // Refused beside a primary that has gone on alone already: the operator insists.
            promoted = await pair.Secondary.Service.FailoverAsync(new FailoverRequest { Force = true });
            returned = TimeProvider.System.GetTimestamp();
        }

        await Pair.BecomesAsync(pair.Secondary, NodeStage.Done);
        BlockAssert.Equal(view, await Guest.ReadAllAsync(guest));
        BlockAssert.Equal(view, DiskFile.Read(pair.Secondary.DiskPaths[0]));
        NodeStage meanwhile = await Pair.StageOfAsync(pair.Primary);
        await hosts.MendAsync();
        await Pair.BecomesAsync(pair.Primary, NodeStage.Fenced);
        long fenced = TimeProvider.System.GetTimestamp();
        await guest.WriteAsync(0, new byte[MiB]);
        LoadReport report = await load.LoseAsync();
        IReadOnlyList<JsonElement> detached = await pair.EventsAsync("primary", "mirror-detached");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{cut}: fenced {promoted.PrimaryFenced}, lost '{promoted.Lost}', meanwhile {meanwhile}, {string.Join("; ", detached)}; {report}");

        Assert.Equal(0, report.After(fenced).Count);
        // Nobody but a primary that was told nothing may have gone on, and it has said so.
        bool unaware = !promoted.PrimaryFenced && detached.Any(e => e.GetProperty("cause").GetString() is not "promotion-unanswered");
        if (!unaware)
            Assert.Equal(0, report.After(returned).Count);
        await using NbdClientNode old = await pair.Primary.ConnectAsync();
        await BlockAssert.FailsAsync(old.WriteAsync(0, new byte[4096]));
        Assert.Single(await pair.EventsAsync("primary", "fenced"));
    }

    private static async Task<FailoverResponse?> FailoverAsync(Pair pair)
    {
        try
        {
            return await pair.Secondary.Service.FailoverAsync(new FailoverRequest());
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"refused: {e.Status.Detail}");
            return null;
        }
    }

    private static async Task DelayedAsync(int delayMs, Func<Task> action)
    {
        await Task.Delay(delayMs);
        await action();
    }
}
