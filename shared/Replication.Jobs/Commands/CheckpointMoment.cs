namespace Replication.Jobs.Commands;

/// <summary>What a transaction does at the pair's checkpoint. Each is called once at most, one after the other.</summary>
/// <param name="PrepareAsync">
/// Called with the epoch that is about to begin, while the guest is held and everything is mirrored: holds the disks still and prepares. What it throws ends
/// the checkpoint without a trace.
/// </param>
/// <param name="Commit">The secondary has committed: puts in force what was prepared. May throw an <see cref="IOException"/>.</param>
/// <param name="Release">
/// The disks may change again; what was not put in force is taken back first. Called in any case, before anything else waits for the peer.
/// </param>
public sealed record CheckpointMoment(Func<ulong, ValueTask> PrepareAsync, Action Commit, Action Release);
