namespace Replication.Simulation.CrashPoints;

/// <summary>A machine under <c>Durability: power</c> loses power.</summary>
public sealed class PowerOutcomeTests(ITestOutputHelper output) : CrashOutcomes(Crash.Power, output);
