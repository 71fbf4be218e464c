using Replication.Controller.Drill.Pair;

namespace Replication.Controller.Drill.Scenarios;

/// <summary>What happens to a pair in a drill. Throws where something did not hold.</summary>
internal interface IScenario
{
    string Name { get; }

    /// <summary>What it needs of its pair.</summary>
    PairShape Shape { get; }

    Task RunAsync(DrillRun run, CancellationToken cancellationToken);
}
