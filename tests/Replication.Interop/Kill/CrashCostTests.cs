using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Interop.Support;
using Replication.Nbd;
using Replication.Protos;

namespace Replication.Interop.Kill;

/// <summary>What a crash costs: its marks, and no more. Invariants No lost dirt, Replica, View.</summary>
public sealed class CrashCostTests : InteropTest
{
    private const int MiB = 1 << 20;
    private const int DiskBytes = 64 * MiB;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("applied", "manual")]
    [InlineData("local", "manual")]
    [InlineData("local", "auto")]
    public async Task After_a_kill_of_the_primary_only_what_was_marked_travels_and_the_disks_are_equal(string acknowledge, string resync)
    {
        const int reach = 4 * MiB;
        Random random = DeterministicRandom.Create();
        Pair pair = await StartNodesAsync(new PairOptions { Acknowledge = acknowledge, Resync = resync, DiskLengthsBytes = [DiskBytes], Unix = true });
        await pair.DoAsync("start", "--sync", "none");
        for (int round = 0; round < 3; round++)
        {
            await using GuestLoad load = await GuestLoad.StartAsync(
                pair.Primary, random, new LoadOptions { ReachBytes = reach, FlushEvery = random.Next(2) * 50 });
            await load.AnswersAsync(random.Next(200, 3000));
            await pair.Primary.Process.KillAsync();
            await load.LoseAsync();
            await pair.Primary.StartAsync();
            long syncedBytes = await ResyncedBytesAsync(pair, resync);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{acknowledge}, {resync}: {load.Completed} writes of 4 KiB in {reach / MiB} MiB; {syncedBytes} bytes travelled of {DiskBytes}");
            // What was written all lies within the reach, and a round's marks are of this round.
            Assert.InRange(syncedBytes, 1, reach);
            await using NbdClientNode primary = await pair.Primary.ConnectAsync();
            byte[] expected = await Guest.ReadAllAsync(primary);
            await pair.DoAsync("checkpoint");
            await using NbdClientNode secondary = await pair.Secondary.ConnectAsync();
            BlockAssert.Equal(expected, await Guest.ReadAllAsync(secondary));
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    /// <summary>Scenario 24, with marks: at some instant of a resync the primary dies.</summary>
    [Fact(Timeout = TestTimeoutMs)]
    public async Task Failover_at_any_instant_of_a_resync_shows_the_last_checkpoint()
    {
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 3; round++)
        {
            Pair pair = CreatePair(new PairOptions { DiskLengthsBytes = [32 * MiB], Unix = true });
            // 16 MiB and more take seconds.
            pair.Primary.Settings["Mirror"]!["ResyncRate"] = "6MiB";
            await pair.StartNodesAsync();
            await pair.DoAsync("start", "--sync", "none");
            await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, random, new LoadOptions { Depth = 8 });
            await load.AnswersAsync(500);
            await pair.DoAsync("checkpoint");
            byte[] view;
            await using (NbdClientNode secondary = await pair.Secondary.ConnectAsync())
            {
                await secondary.WriteAsync(random.Next(16 * MiB), random.Bytes(MiB));
                view = await Guest.ReadAllAsync(secondary);
            }

            await load.AnswersAsync(500);
            await pair.Secondary.Process.KillAsync();
            await using (NbdClientNode primary = await pair.Primary.ConnectAsync())
            {
                for (int at = 0; at < 32; at += 2)
                    await primary.WriteAsync(at * MiB, random.Bytes(MiB));
            }

            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            await pair.Secondary.StartAsync();
            Task<long> resync = ResyncAsync(pair);
            await pair.CopyingAsync(random.Next(MiB, 8 * MiB), resync);
            await pair.Primary.Process.KillAsync();
            await load.LoseAsync();
            JsonElement promoted = await pair.DoAsync("failover");
            Assert.False(promoted.GetProperty("primaryFenced").GetBoolean());
            await Assert.ThrowsAsync<RpcException>(() => resync);
            await using NbdClientNode guest = await pair.Secondary.ConnectAsync();
            BlockAssert.Equal(view, await Guest.ReadAllAsync(guest));
            BlockAssert.Equal(view, DiskFile.Read(pair.Secondary.DiskPaths[0]));
            await pair.DisposeAsync();
        }
    }

    private static async Task<long> ResyncedBytesAsync(Pair pair, string resync)
    {
        if (resync == "manual")
        {
            await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
            return await ResyncAsync(pair);
        }

        await Pair.BecomesAsync(pair.Primary, NodeStage.Replicating);
        return (await pair.EventsAsync("primary", "resync-completed"))[^1].GetProperty("syncedBytes").GetInt64();
    }

    private static async Task<long> ResyncAsync(Pair pair) =>
        (await pair.Primary.Service.ResyncAsync(new ResyncRequest { Versions = ProtocolRange.Ours })).SyncedBytes;
}
