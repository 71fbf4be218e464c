namespace Replication.Controller.Drill;

/// <summary>One step of a drill, for the report.</summary>
/// <param name="Scenario">Which drill.</param>
/// <param name="Name">What was done.</param>
/// <param name="ElapsedMs">How long it took.</param>
/// <param name="Detail">What was seen, or why it failed.</param>
/// <param name="Passed">All of it held.</param>
internal sealed record DrillPhase(string Scenario, string Name, double ElapsedMs, string Detail, bool Passed);
