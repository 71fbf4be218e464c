namespace Replication.Simulation.CrashPoints;

/// <summary>A process is killed at any of its writes; the other one's ends with it.</summary>
public sealed class KillOutcomeTests(ITestOutputHelper output) : CrashOutcomes(Crash.Kill, output);
