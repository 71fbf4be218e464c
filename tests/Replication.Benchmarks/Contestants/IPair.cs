using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>A primary and a secondary that replicate.</summary>
internal interface IPair : IContestant
{
    /// <summary>Where the secondary's guest reads and writes.</summary>
    NbdAddress SecondaryGuest { get; }

    string PrimaryDisk { get; }

    string SecondaryDisk { get; }

    /// <summary>Takes a checkpoint; nothing must be in flight.</summary>
    Task<CheckpointTimes> CheckpointAsync(CancellationToken cancellationToken);
}
