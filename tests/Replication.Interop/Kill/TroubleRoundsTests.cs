using System.Text.Json;
using Replication.Block;
using Replication.Interop.Support;

namespace Replication.Interop.Kill;

/// <summary>
/// Rounds on one pair: whatever may happen to a node or to the controller happens at a random moment amid writes on both sides; then every byte is accounted
/// for, the pair is brought together again, and goes on. REPLICATION_KILL_ROUNDS rounds (8 by default).
/// Invariants: View, Replica, Atomic, Local first, Whole, No lost dirt, No hostage.
/// </summary>
public sealed class TroubleRoundsTests : InteropTest
{
    private const int TimeoutMs = 3_600_000;
    private const int CellsPerDisk = 8 << 10; // 4 MiB
    private const int LongestFreezeMs = 1500; // the deadline is 1 s: some freezes are noticed, some are not

    [Fact(Timeout = TimeoutMs)]
    public async Task Whatever_happens_to_a_node_or_the_controller_no_byte_is_lost_and_the_pair_comes_back()
    {
        Random random = DeterministicRandom.Create();
        Pair pair = await StartNodesAsync(KillRounds.Options(CellsPerDisk) with { Deadline = "1s" });
        await pair.DoAsync("start", "--sync", "none");
        KillRounds rounds = KillRounds.Of(pair, CellsPerDisk, random);
        RoundTrouble[] troubles = Enum.GetValues<RoundTrouble>();
        random.Shuffle(troubles);
        for (int round = 0; round < KillRounds.Count; round++)
        {
            RoundTrouble trouble = troubles[round % troubles.Length];
            long began = Environment.TickCount64;
            if (trouble is RoundTrouble.CheckpointAbandoned or RoundTrouble.StartAbandoned or RoundTrouble.StopAbandoned)
                await AbandonAsync(rounds, trouble);
            else
                await HarmAsync(rounds, trouble);
            await rounds.StartAgainAsync();
            TestContext.Current.TestOutputHelper?.WriteLine($"round {round}: {trouble}, {Environment.TickCount64 - began} ms");
        }

        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    private static async Task HarmAsync(KillRounds rounds, RoundTrouble trouble)
    {
        Pair pair = rounds.Pair;
        RunningWriters ofPrimary = await rounds.WriteAsync(pair.Primary);
        RunningWriters ofSecondary = await rounds.WriteAsync(pair.Secondary);
        await rounds.SomeWritesAsync();
        PairCheckpoint last = await PairCheckpoint.TakeAsync(pair, rounds.Model);
        await rounds.SomeWritesAsync();
        Node[] dead = trouble switch
        {
            RoundTrouble.PrimaryKilled or RoundTrouble.PrimaryRestarted => [pair.Primary],
            RoundTrouble.SecondaryKilled or RoundTrouble.SecondaryRestarted => [pair.Secondary],
            RoundTrouble.BothKilled => [pair.Secondary, pair.Primary],
            _ => [],
        };
        await HarmAsync(rounds, trouble, dead);
        await rounds.SomeWritesAsync();
        await (dead.Contains(pair.Primary) ? ofPrimary.LoseAsync() : ofPrimary.StopAsync());
        await (dead.Contains(pair.Secondary) ? ofSecondary.LoseAsync() : ofSecondary.StopAsync());
        foreach (Node node in dead)
            await node.StartAsync();
        JsonElement secondary = await pair.StatusAsync("secondary");
        Assert.Equal("running", secondary.GetProperty("stage").GetString());
        Assert.Equal(last.Epoch, secondary.GetProperty("epoch").GetUInt64());
        rounds.Model.CheckPrimary(await rounds.ReadAsync(pair.Primary));
        rounds.Model.CheckView(await rounds.ReadAsync(pair.Secondary), last.Before, last.Gone);
    }

    private static async Task HarmAsync(KillRounds rounds, RoundTrouble trouble, Node[] dead)
    {
        if (trouble is RoundTrouble.PrimaryFrozen or RoundTrouble.SecondaryFrozen)
        {
            Node frozen = trouble == RoundTrouble.PrimaryFrozen ? rounds.Pair.Primary : rounds.Pair.Secondary;
            await frozen.Process.FreezeAsync();
            await Task.Delay(rounds.Random.Next(LongestFreezeMs));
            await frozen.Process.ThawAsync();
        }
        else if (trouble is RoundTrouble.PrimaryRestarted or RoundTrouble.SecondaryRestarted)
        {
            Assert.Equal(0, await dead[0].Process.TerminateAsync());
        }
        else
        {
            await Task.WhenAll(dead.Select(node => node.Process.KillAsync()));
        }
    }

    /// <summary>The controller is killed in the middle of a verb: both guests go on, and the next controller finds nodes that do what they are told.</summary>
    private static async Task AbandonAsync(KillRounds rounds, RoundTrouble trouble)
    {
        Pair pair = rounds.Pair;
        if (trouble == RoundTrouble.StartAbandoned)
        {
            await pair.Secondary.Process.KillAsync();
            await pair.Secondary.StartAsync();
        }

        RunningWriters ofPrimary = await rounds.WriteAsync(pair.Primary);
        RunningWriters ofSecondary = await rounds.WriteAsync(pair.Secondary);
        await rounds.SomeWritesAsync();
        string verb = trouble switch
        {
            RoundTrouble.CheckpointAbandoned => "checkpoint",
            RoundTrouble.StartAbandoned => "start",
            _ => "stop",
        };
        await using (RunningProcess controller = pair.BeginVerb(verb))
        {
            // A verb takes some hundreds of milliseconds, most of them until its first call.
            await Task.Delay(rounds.Random.Next(100, 700));
            await controller.KillAsync();
        }

        int acknowledged = rounds.Model.Primaries.Sum(writer => writer.Acknowledged);
        await Eventually.TrueAsync(() => rounds.Model.Primaries.Sum(writer => writer.Acknowledged) > acknowledged);
        await ofPrimary.StopAsync();
        // A secondary that has been stopped fails its guest's writes; they are gone with the next checkpoint anyway.
        BlockException?[] failures = await ofSecondary.LoseAsync();
        if (trouble != RoundTrouble.StopAbandoned)
            Assert.All(failures, failure => Assert.True(failure is null, $"a guest of the secondary has seen: {failure}"));
    }
}
