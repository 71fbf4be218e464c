using Replication.Roles;

namespace Replication.Simulation.Cluster;

/// <summary>How a simulated pair is configured; drawn from the seed.</summary>
internal sealed record PairSettings
{
    public required long[] DiskBytes { get; init; }

    public required int BlockBytes { get; init; }

    public required Acknowledge Acknowledge { get; init; }

    public required TimeSpan Deadline { get; init; }

    public required long WindowBytes { get; init; }

    public required ResyncPolicy Resync { get; init; }

    public static PairSettings Draw(Random random)
    {
        int block = 512 << random.Next(4);
        long[] lengths = new long[random.Next(1, 4)];
        for (int i = 0; i < lengths.Length; i++)
        {
            // Small enough to compare at every step; the last block is short more often than not.
            lengths[i] = random.Next(6, random.Next(4) == 0 ? 100 : 24) * (long)block + random.Next(block / 512) * 512;
        }

        return new PairSettings
        {
            DiskBytes = lengths,
            BlockBytes = block,
            Acknowledge = random.Next(3) == 0 ? Acknowledge.Local : Acknowledge.Applied,
            Deadline = TimeSpan.FromMilliseconds(500),
            WindowBytes = random.Next(3) == 0 ? 16 << 10 : 64 << 20,
            Resync = random.Next(2) == 0 ? ResyncPolicy.Auto : ResyncPolicy.Manual,
        };
    }
}
