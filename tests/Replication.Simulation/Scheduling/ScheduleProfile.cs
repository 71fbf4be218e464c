namespace Replication.Simulation.Scheduling;

/// <summary>How unruly a run is; drawn from the seed, so that some runs are nearly in order and others are not.</summary>
/// <param name="Shuffle">Share of the events that are put behind later ones of the same moment.</param>
/// <param name="ShuffleDistance">How far behind, in events.</param>
/// <param name="StallChance">Share of the continuations that are held up.</param>
/// <param name="LongestStall">For how long at most, in ticks.</param>
internal sealed record ScheduleProfile(double Shuffle, int ShuffleDistance, double StallChance, long LongestStall)
{
    public static ScheduleProfile Draw(Random random) => new(
        random.Next(3) switch { 0 => 0, 1 => 0.2, _ => 0.7 },
        random.Next(2) == 0 ? 4 : 40,
        random.Next(3) switch { 0 => 0, 1 => 0.01, _ => 0.05 },
        Scheduler.Ticks(random.Next(2) == 0 ? 1 : 8));
}
