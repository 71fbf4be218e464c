// Checkpoints as fast as a COLO controller takes them, under two guests that never pause.
//
//   start      a pair on loopback, disks with data and holes, first sync
//   storm      a checkpoint every 50 to 100 ms; after each tenth, and after the last, all of the view is compared, the guests writing on
//   quiesce    both at rest: exports and disks equal the model (View, Replica)
//   stop       the replication's end leaves both disks equal
//   end        both nodes end well

using System.Diagnostics;
using System.Globalization;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class CheckpointStorm : IScenario
{
    private const int ShortestMs = 50;
    private const int LongestMs = 100;
    private const int CompareEach = 10;

    public string Name => "checkpoint-storm";

    public PairShape Shape => PairShape.Plain;

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("storm", () => StormAsync(run, cancellationToken));
        await run.PhaseAsync("quiesce", () => run.QuiesceAndCompareAsync(cancellationToken));
        await run.PhaseAsync("stop", () => StopAsync(run, cancellationToken));
        await run.PhaseAsync("end", async () =>
        {
            await Task.WhenAll(run.PrimaryGuest!.StopAsync(cancellationToken), run.SecondaryGuest!.StopAsync(cancellationToken));
            await run.Pair.ShutDownAsync(cancellationToken);
            return "both nodes ended with exit code 0";
        });
    }

    private static async Task<string> StormAsync(DrillRun run, CancellationToken cancellationToken)
    {
        DrillRandom random = DrillRandom.Of(run.Options.Seed, 3_000_000);
        long began = Stopwatch.GetTimestamp();
        int compared = 0;
        for (int taken = 1; Stopwatch.GetElapsedTime(began) < run.Options.Duration; taken++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(ShortestMs + random.Below(LongestMs - ShortestMs)), cancellationToken);
            await run.CheckpointAsync(cancellationToken);
            if (taken % CompareEach != 0)
                continue;
            await run.CompareAsync(NodeSide.Secondary, cancellationToken);
            compared++;
        }

        // The last one too is compared under the guests: only then has it cut requests in flight.
        await run.CompareAsync(NodeSide.Secondary, cancellationToken);
        compared++;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Checkpoints.Count} checkpoints under {SizeText.Format(run.PrimaryGuest!.WrittenBytes)} and "
            + $"{SizeText.Format(run.SecondaryGuest!.WrittenBytes)}; the view compared {compared} times");
    }

    private static async Task<string> StopAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.Pair.StopReplicationAsync(cancellationToken);
        long compared = run.CompareImages(NodeSide.Primary, NodeSide.Primary) + run.CompareImages(NodeSide.Secondary, NodeSide.Primary);
        return $"{SizeText.Format(compared)} equal: both disks";
    }
}
