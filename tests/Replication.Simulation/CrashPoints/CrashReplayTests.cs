using System.Globalization;

namespace Replication.Simulation.CrashPoints;

public sealed class CrashReplayTests(ITestOutputHelper output)
{
    /// <summary>"LIFE CRASH POINT OUTCOME".</summary>
    private const string Variable = "REPLICATION_CRASH_POINT";

    /// <summary>Replays an outcome, with its story: what <c>./dev crash-point</c> runs.</summary>
    [Fact]
    public void An_outcome_that_is_asked_for()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(' ') is not [string life, string crash, string point, string outcome])
            return;
        var plan = new CrashPlan(LifeScript.Find(life), Enum.Parse<Crash>(crash))
        {
            Point = int.Parse(point, CultureInfo.InvariantCulture),
            Outcome = int.Parse(outcome, CultureInfo.InvariantCulture),
            Listener = Console.Error.WriteLine,
        };
        CrashOutcomes.Run(plan, output);
    }
}
