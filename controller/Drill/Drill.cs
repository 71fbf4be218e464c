using System.Diagnostics;
using Replication.Block;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Drill.Report;
using Replication.Controller.Drill.Scenarios;
using Replication.Nbd;

namespace Replication.Controller.Drill;

/// <summary>Runs scenarios one after the other and reports on them together.</summary>
internal static class Drill
{
    public static IReadOnlyList<IScenario> Scenarios { get; } =
        [new PrimaryDies(), new CheckpointStorm(), new SecondaryDies(), new SecondaryHangs(), new LinkCut(), new OldPrimaryReturns()];

    /// <param name="name">What was asked for: a scenario, or "all".</param>
    /// <param name="options">Size, time and seed.</param>
    /// <param name="createPair">A fresh pair for each scenario.</param>
    /// <param name="onPhase">Told of each phase as it ends.</param>
    /// <param name="directory">Where the evidence of a failure is, asked when there is one.</param>
    /// <param name="cancellationToken">The user's.</param>
    public static async Task<DrillReport> RunAsync(
        string name, DrillOptions options, Func<PairShape, IDrillPair> createPair, Action<DrillPhase> onPhase, Func<string?> directory,
        CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        var runs = new List<DrillRun>();
        string? failure = null;
        foreach (IScenario scenario in Scenarios.Where(s => name == "all" || s.Name == name))
        {
            await using var run = new DrillRun(scenario, options, createPair(scenario.Shape), onPhase);
            runs.Add(run);
            try
            {
                await scenario.RunAsync(run, cancellationToken);
            }
            catch (Exception e) when (IsFailure(e))
            {
                failure = $"{scenario.Name}: {e.Message}";
                break;
            }
        }

        return DrillReport.Of(name, options, runs, Stopwatch.GetElapsedTime(began).TotalMilliseconds, failure, failure is null ? null : directory());
    }

    /// <summary>What a pair that does not do what it must looks like from here. Anything else is a bug of the drill's own.</summary>
    private static bool IsFailure(Exception e) =>
        e is DrillException or CliException or BlockException or NbdConnectException or IOException or TimeoutException;
}
