using Replication.Block;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Workload;

namespace Replication.Simulation;

/// <summary>
/// One life of a pair, again and again: each time a node dies at its next write (of record, manifest, overlays, marks or disk). What was under way then is
/// there, or not, or in part; the node is opened again on that, and everything must hold.
/// </summary>
public sealed class CrashPointTests(ITestOutputHelper output)
{
    private const int MostWrites = 4000;

    [Theory]
    [InlineData(true, 11)]
    [InlineData(true, 12)]
    [InlineData(false, 13)]
    public void A_node_that_dies_at_any_of_its_writes_keeps_its_invariants(bool secondaryDies, int seed)
    {
        int points = 0;
        for (int write = 1; write <= MostWrites && Dies(secondaryDies, seed, write); write++)
            points++;
        output.WriteLine($"seed {seed}: {points} crash points");
        Assert.InRange(points, 20, MostWrites - 1);
    }

    private static bool Dies(bool secondaryDies, int seed, int atWrite)
    {
        var story = new List<string>();
        Scheduler? scheduler = null;
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        ProcessEnd.Replace((message, cause) => scheduler?.Running is { } process ? process.End(message, cause) : new SimulationFailureException(message));
        try
        {
            var random = new Random(seed);
            scheduler = new Scheduler(random, ScheduleProfile.Draw(random));
            return new Episode(scheduler, story.Add).PlayThrough(secondaryDies, atWrite);
        }
        catch (SimulationFailureException e)
        {
            throw new SimulationFailureException($"{e.Message}\n\n{string.Join('\n', story.TakeLast(200))}\n\nseed {seed}: the "
                + $"{(secondaryDies ? "secondary" : "primary")} died at its write {atWrite}");
        }
        finally
        {
            ProcessEnd.Replace(null);
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }
}
