using System.Text.Json;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Kill;

/// <summary>
/// kill -9 of either node, or of both, at random moments, three disks, writers on both sides. Invariants: View, Replica, Atomic, Commit, Local first, Whole, No
/// lost dirt. Each test makes a third of REPLICATION_KILL_ROUNDS rounds.
/// </summary>
public sealed class KillTests : InteropTest
{
    private const int TimeoutMs = 900_000;
    private const int CellsPerDisk = 16 << 10; // 8 MiB

    [Fact(Timeout = TimeoutMs)]
    public async Task A_node_killed_amid_writes_comes_back_with_everything_that_was_acknowledged()
    {
        KillRounds rounds = await BeginAsync(CellsPerDisk);
        for (int round = 0; round < KillRounds.CountOfOneKind; round++)
        {
            Node[] victims = Victims(rounds, rounds.Random.Next(3));
            RunningWriters ofPrimary = await rounds.WriteAsync(rounds.Pair.Primary);
            RunningWriters ofSecondary = await rounds.WriteAsync(rounds.Pair.Secondary);
            await rounds.SomeWritesAsync();
            PairCheckpoint last = await PairCheckpoint.TakeAsync(rounds.Pair, rounds.Model);
            await rounds.SomeWritesAsync();
            await KillAsync(victims);
            await EndAsync(rounds, victims, ofPrimary, ofSecondary);
            JsonElement status = await RestartAsync(rounds, victims);
            Assert.Equal(last.Epoch, status.GetProperty("epoch").GetUInt64());
            rounds.Model.CheckView(await rounds.ReadAsync(rounds.Pair.Secondary), last.Before, last.Gone);
            await rounds.StartAgainAsync();
        }

        await rounds.Pair.DoAsync("stop");
        await rounds.Pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_node_killed_amid_a_checkpoint_leaves_the_old_epoch_or_the_new_one_on_all_disks()
    {
        KillRounds rounds = await BeginAsync(CellsPerDisk);
        for (int round = 0; round < KillRounds.CountOfOneKind; round++)
        {
            Node[] victims = Victims(rounds, rounds.Random.Next(3));
            RunningWriters ofPrimary = await rounds.WriteAsync(rounds.Pair.Primary);
            RunningWriters ofSecondary = await rounds.WriteAsync(rounds.Pair.Secondary);
            await rounds.SomeWritesAsync();
            PairCheckpoint first = await PairCheckpoint.TakeAsync(rounds.Pair, rounds.Model);
            await rounds.SomeWritesAsync();

            // Up to 12 ms: about as long as a checkpoint's three calls take under load.
            TimeSpan moment = TimeSpan.FromMicroseconds(rounds.Random.Next(12_000));
            var second = new PairCheckpoint(rounds.Pair, rounds.Model);
            Task taking = second.TryAsync();
            long began = TimeProvider.System.GetTimestamp();
            while (TimeProvider.System.GetElapsedTime(began) < moment)
                Thread.SpinWait(50);
            await KillAsync(victims);
            await taking;
            second.Close();
            await EndAsync(rounds, victims, ofPrimary, ofSecondary);

            JsonElement status = await RestartAsync(rounds, victims);
            ulong epoch = status.GetProperty("epoch").GetUInt64();
            Assert.InRange(epoch, first.Epoch, first.Epoch + 1);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"round {round}: {string.Join(" and ", victims.Select(v => v == rounds.Pair.Primary ? "primary" : "secondary"))} killed after "
                + $"{moment.TotalMicroseconds} us, epoch {epoch - first.Epoch} of 1");
            PairCheckpoint valid = epoch == first.Epoch ? first : second;
            rounds.Model.CheckView(await rounds.ReadAsync(rounds.Pair.Secondary), valid.Before, valid.Gone);
            await rounds.StartAgainAsync();
            Assert.Equal(epoch + 1, (await rounds.Pair.StatusAsync("primary")).GetProperty("epoch").GetUInt64());
        }

        await rounds.Pair.DoAsync("stop");
        await rounds.Pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_secondary_killed_amid_its_commit_resumes_it_and_ends_with_what_its_guest_saw()
    {
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < KillRounds.CountOfOneKind; round++)
        {
            // The commit stops before one of its steps until the process is killed; in every second round the process kills itself at a step.
            bool atStep = round % 2 == 1;
            string[] suicide = [$"node=disk{random.Next(3)}.commit op=write nth={random.Next(1, 3)} when={(random.Next(2) == 0 ? "before" : "after")} kill"];
            KillRounds rounds = await BeginAsync(8 << 10, random, atStep ? suicide : Stop(random));
            Node secondary = rounds.Pair.Secondary;
            RunningWriters ofPrimary = await rounds.WriteAsync(rounds.Pair.Primary);
            RunningWriters ofSecondary = await rounds.WriteAsync(secondary);
            await rounds.SomeWritesAsync();
            PairCheckpoint last = await PairCheckpoint.TakeAsync(rounds.Pair, rounds.Model);
            await rounds.SomeWritesAsync();
            // Enough for a commit of many steps.
            await Eventually.TrueAsync(() => rounds.Model.Primaries.Sum(writer => writer.Acknowledged) > 400);
            await rounds.Pair.Primary.Process.KillAsync();
            await ofPrimary.LoseAsync();

            CommandResult failover = await rounds.Pair.RunAsync("failover", "--no-wait");
            if (atStep)
            {
                await Eventually.TrueAsync(() => secondary.Process.HasExited);
            }
            else
            {
                Assert.Equal(JsonValueKind.Null, failover.Ended(0).Json.GetProperty("committedMs").ValueKind);
                await Task.Delay(random.Next(150));
                await secondary.Process.KillAsync();
            }

            await ofSecondary.LoseAsync();
            secondary.Settings["Faults"] = new JsonArray([.. Stop(random).Select(rule => (JsonNode)rule)]);
            NodeStatus resumed = await CheckResumedAsync(rounds, last.Before, last.Gone);
            Assert.Equal(NodeStage.Failover, resumed.Stage);
            string generation = Convert.ToHexStringLower(resumed.Generation.Id.Span);
            if (failover.ExitCode == 0)
                Assert.Equal(failover.Json.GetProperty("generationId").GetString(), generation);

            // Once more, with the guest writing; from here on the view has no primary any more.
            ofSecondary = await rounds.WriteAsync(secondary);
            await Task.Delay(random.Next(200));
            await secondary.Process.KillAsync();
            await ofSecondary.LoseAsync();
            secondary.Settings["Faults"] = new JsonArray("node=disk1.commit delay=20ms");
            Cut[] none = [.. rounds.Model.Primaries.Select(_ => default(Cut))];
            await CheckResumedAsync(rounds, none, none);

            ofSecondary = await rounds.WriteAsync(secondary);
            await Pair.BecomesAsync(rounds.Pair.Secondary, NodeStage.Done);
            await ofSecondary.StopAsync();
            IReadOnlyList<int[]> guest = await rounds.ReadAsync(secondary);
            rounds.Model.CheckView(guest, none, none);
            for (int disk = 0; disk < guest.Count; disk++)
            {
                Assert.True(
                    guest[disk].AsSpan().SequenceEqual(Cells.Decode(DiskFile.Read(secondary.DiskPaths[disk]), disk)),
                    $"disk{disk}: the file is not what the guest sees");
            }

            JsonElement repeated = await rounds.Pair.DoAsync("failover");
            Assert.Equal(generation, repeated.GetProperty("generationId").GetString());
            await rounds.Pair.DisposeAsync();
        }
    }

    private static string[] Stop(Random random) =>
        [.. Enumerable.Range(0, 3).Select(disk => $"node=disk{disk}.commit op=write nth={random.Next(1, 6)} count=1 break=stop")];

    /// <summary>Restarts it: it serves at once what its guest saw. The status right after the ready line.</summary>
    private static async Task<NodeStatus> CheckResumedAsync(KillRounds rounds, Cut[] before, Cut[] gone)
    {
        await rounds.Pair.Secondary.StartAsync();
        NodeStatus status = (await rounds.Pair.Secondary.Service.GetStatusAsync(new GetStatusRequest())).Status;
        TestContext.Current.TestOutputHelper?.WriteLine($"restarted in {status.Stage} {status.Progress}");
        Assert.Contains(status.Stage, new[] { NodeStage.Failover, NodeStage.Done });
        IReadOnlyList<int[]> view = await rounds.ReadAsync(rounds.Pair.Secondary);
        rounds.Model.CheckView(view, before, gone);
        rounds.Model.Rebase(view);
        return status;
    }

    private static Node[] Victims(KillRounds rounds, int which) => which switch
    {
        0 => [rounds.Pair.Primary],
        1 => [rounds.Pair.Secondary],
        _ => [rounds.Pair.Secondary, rounds.Pair.Primary],
    };

    private static Task KillAsync(Node[] victims) => Task.WhenAll(victims.Select(v => v.Process.KillAsync()));

    private static async Task EndAsync(KillRounds rounds, Node[] victims, RunningWriters ofPrimary, RunningWriters ofSecondary)
    {
        // The survivor's guest has gone on meanwhile, and has seen no error.
        await rounds.SomeWritesAsync();
        await (victims.Contains(rounds.Pair.Primary) ? ofPrimary.LoseAsync() : ofPrimary.StopAsync());
        await (victims.Contains(rounds.Pair.Secondary) ? ofSecondary.LoseAsync() : ofSecondary.StopAsync());
    }

    /// <summary>The victims come back. The secondary's status, which must be that of a node that nothing happened to.</summary>
    private static async Task<JsonElement> RestartAsync(KillRounds rounds, Node[] victims)
    {
        foreach (Node victim in victims)
            await victim.StartAsync();
        JsonElement status = await rounds.Pair.StatusAsync("secondary");
        Assert.Equal("running", status.GetProperty("stage").GetString());
        if (victims.Contains(rounds.Pair.Primary))
            await Pair.BecomesAsync(rounds.Pair.Primary, NodeStage.Detached);
        rounds.Model.CheckPrimary(await rounds.ReadAsync(rounds.Pair.Primary));
        return status;
    }

    private async Task<KillRounds> BeginAsync(int cellsPerDisk, Random? random = null, params string[] secondaryFaults)
    {
        Pair pair = await StartNodesAsync(KillRounds.Options(cellsPerDisk, secondaryFaults));
        await pair.DoAsync("start", "--sync", "none");
        return KillRounds.Of(pair, cellsPerDisk, random ?? DeterministicRandom.Create());
    }
}
