using Replication.Block;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Storage;

/// <summary>How fast a host's storage is, and how often a request completes at once, as page-cache I/O does.</summary>
/// <param name="AtOnce">Share of the requests that complete on the caller's stack.</param>
/// <param name="Usual">Most other requests take up to this, in ticks.</param>
/// <param name="Slow">Some take up to this.</param>
/// <param name="Flush">A flush takes up to this.</param>
/// <param name="SlowReads">Share of the reads that are slow, as on a disk that seeks: writes pass them.</param>
internal sealed record MediumProfile(double AtOnce, long Usual, long Slow, long Flush, double SlowReads)
{
    public const double SlowShare = 0.05;

    public static MediumProfile Draw(Random random) => new(
        random.Next(3) switch { 0 => 0, 1 => 0.5, _ => 0.9 },
        Scheduler.Ticks(random.Next(2) == 0 ? 0.2 : 3),
        Scheduler.Ticks(random.Next(2) == 0 ? 5 : 30),
        Scheduler.Ticks(random.Next(2) == 0 ? 20 : 200),
        random.Next(2) == 0 ? SlowShare : 0.5);

    public long Delay(Random random, BlockOperation operation)
    {
        if (operation == BlockOperation.Flush)
            return random.NextInt64(Flush);
        return random.NextInt64(random.NextDouble() < (operation == BlockOperation.Read ? SlowReads : SlowShare) ? Slow : Usual);
    }
}
