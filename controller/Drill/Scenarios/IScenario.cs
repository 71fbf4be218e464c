namespace Replication.Controller.Drill.Scenarios;

/// <summary>What happens to a pair in a drill. Throws where something did not hold.</summary>
internal interface IScenario
{
    string Name { get; }

    Task RunAsync(DrillRun run, CancellationToken cancellationToken);
}
