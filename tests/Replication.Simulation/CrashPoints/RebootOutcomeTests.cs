namespace Replication.Simulation.CrashPoints;

/// <summary>A machine under <c>Durability: process</c> loses power: it may have lost what it had, and has to say so.</summary>
public sealed class RebootOutcomeTests(ITestOutputHelper output) : CrashOutcomes(Crash.Reboot, output);
