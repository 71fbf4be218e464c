using System.Globalization;

namespace Replication.Simulation;

public sealed class SimulationTests(ITestOutputHelper output)
{
    private const string SeedVariable = "REPLICATION_SIMULATION_SEED";
    private const string StepsVariable = "REPLICATION_SIMULATION_STEPS";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    public void A_pair_keeps_its_invariants_whatever_happens(int seed) => Run(seed, 1500);

    /// <summary>Replays a seed: what <c>./dev simulate</c> runs.</summary>
    [Fact]
    public void A_seed_that_is_asked_for()
    {
        if (Number(SeedVariable) is not { } seed)
            return;
        bool tells = Environment.GetEnvironmentVariable("REPLICATION_SIMULATION_STORY") is not null;
        Run(seed, Number(StepsVariable) ?? 10_000, tells ? Console.Error.WriteLine : null);
    }

    /// <summary>Seeds on and on for so long: what <c>./dev soak</c> runs.</summary>
    [Fact]
    public void Seeds_for_as_long_as_is_asked_for()
    {
        if (Number("REPLICATION_SIMULATION_SECONDS") is not { } seconds)
            return;
        int seed = Number(SeedVariable) ?? Random.Shared.Next();
        long began = System.Diagnostics.Stopwatch.GetTimestamp();
        for (int run = 1; System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalSeconds < seconds; run++, seed++)
        {
            SimulationRun done = Run(seed, Number(StepsVariable) ?? 10_000);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"simulation {run}: seed {seed}, {done.Steps} steps, {done.Events} events"));
        }
    }

    [Fact]
    public void One_seed_is_one_run()
    {
        SimulationRun first = Run(42, 400);
        SimulationRun second = Run(42, 400);
        Assert.Equal(first.TraceHash, second.TraceHash);
        Assert.Equal(first.Events, second.Events);
    }

    private SimulationRun Run(int seed, int steps, Action<string>? listener = null)
    {
        var run = new SimulationRun(seed) { Listener = listener };
        long began = System.Diagnostics.Stopwatch.GetTimestamp();
        run.Run(steps);
        double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalSeconds;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}: {run.Steps} steps, {run.Episodes} pairs, {run.Events} events, "
            + $"{seconds:0.0} s, trace {run.TraceHash:x16}"));
        return run;
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
