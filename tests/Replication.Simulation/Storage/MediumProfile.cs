using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Storage;

/// <summary>How fast a host's storage is, and how often a request completes at once, as page-cache I/O does.</summary>
/// <param name="AtOnce">Share of the requests that complete on the caller's stack.</param>
/// <param name="Usual">Most other requests take up to this, in ticks.</param>
/// <param name="Slow">Some take up to this.</param>
/// <param name="Flush">A flush takes up to this.</param>
internal sealed record MediumProfile(double AtOnce, long Usual, long Slow, long Flush)
{
    public static MediumProfile Draw(Random random) => new(
        random.Next(3) switch { 0 => 0, 1 => 0.5, _ => 0.9 },
        Scheduler.Ticks(random.Next(2) == 0 ? 0.2 : 3),
        Scheduler.Ticks(random.Next(2) == 0 ? 5 : 30),
        Scheduler.Ticks(random.Next(2) == 0 ? 20 : 200));

    public long Delay(Random random, bool isFlush)
    {
        if (isFlush)
            return random.NextInt64(Flush);
        return random.Next(20) == 0 ? random.NextInt64(Slow) : random.NextInt64(Usual);
    }
}
