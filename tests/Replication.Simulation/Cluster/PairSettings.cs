using Replication.Roles;
using Replication.Simulation.Storage;

namespace Replication.Simulation.Cluster;

/// <summary>How a simulated pair is configured; drawn from the seed.</summary>
internal sealed record PairSettings
{
    public const long AmpleOverlayBytes = 64 << 20;

    public required long[] DiskBytes { get; init; }

    public required int BlockBytes { get; init; }

    public required Acknowledge Acknowledge { get; init; }

    public required TimeSpan Deadline { get; init; }

    public required long WindowBytes { get; init; }

    public required ResyncPolicy Resync { get; init; }

    /// <summary>Bytes a second that a sync copies; 0: as many as it can.</summary>
    public required long ResyncRate { get; init; }

    /// <summary>What the overlays may take; far more than all disks hold, or about as much.</summary>
    public required long OverlayLimitBytes { get; init; }

    /// <summary>The secondary's guest may run out of room, and its mirror be lost for that.</summary>
    public bool OverlayIsSmall => OverlayLimitBytes < AmpleOverlayBytes;

    /// <summary>The disks are copies of each other when the pair is set up: <c>start --sync none</c> is right.</summary>
    public required bool DisksAreEqual { get; init; }

    public Durability Durability { get; init; }

    /// <summary>The unit of copying of a backup.</summary>
    public int ClusterBytes { get; init; } = 1024;

    /// <summary>How fast the hosts' storage is; null: drawn.</summary>
    public MediumProfile? Storage { get; init; }

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
            ResyncRate = random.Next(4) == 0 ? random.Next(16, 1024) << 10 : 0,
            // Marks take whole pages: four files of an epoch, and of the next one, for each disk.
            OverlayLimitBytes = random.Next(4) == 0 ? (32 << 10) * lengths.Length + (long)(lengths.Sum() * (0.3 + random.NextDouble())) : AmpleOverlayBytes,
            DisksAreEqual = random.Next(5) == 0,
            ClusterBytes = 512 << random.Next(4),
        };
    }
}
