using System.Diagnostics;
using System.Globalization;

namespace Replication.Simulation.CrashPoints;

/// <summary>Each point of some lives of a pair, and at each point every way in which a crash may leave a machine, or many of them.</summary>
public abstract class CrashOutcomes(Crash crash, ITestOutputHelper output)
{
    /// <summary>Every point, and this many outcomes where not every one can be tried: what <c>./dev soak</c> sets.</summary>
    private const string OutcomesVariable = "REPLICATION_CRASH_OUTCOMES";

    /// <summary>Only these lives, by name, with commas between them.</summary>
    private const string LivesVariable = "REPLICATION_CRASH_LIVES";

    private static readonly string[] s_names = Environment.GetEnvironmentVariable(LivesVariable) is { Length: > 0 } lives
        ? lives.Split(',')
        : [.. LifeScript.All.Select(life => life.Name)];

    public static TheoryData<string> Lives => [.. s_names];

    [Theory]
    [MemberData(nameof(Lives))]
    public void Whatever_it_leaves_the_pair_keeps_its_invariants(string life)
    {
        LifeScript script = LifeScript.Find(life);
        CrashPlan plan = Environment.GetEnvironmentVariable(OutcomesVariable) is { Length: > 0 } outcomes
            ? CrashPlan.Long(script, crash, int.Parse(outcomes, CultureInfo.InvariantCulture))
            : CrashPlan.Short(script, crash);
        Run(plan, output);
    }

    internal static void Run(CrashPlan plan, ITestOutputHelper output)
    {
        var run = new CrashRun(plan);
        long began = Stopwatch.GetTimestamp();
        try
        {
            run.Run();
        }
        finally
        {
            (int passed, int points, double open, int tried, int distinct) = run.Counts;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{plan.Life.Name}, {plan.Crash}: {points} of {passed} points, {tried} outcomes ({distinct} different) of {open:g3}, "
                + $"{Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s"));
        }

        Assert.NotEqual(0, run.Counts.Tried);
    }
}
