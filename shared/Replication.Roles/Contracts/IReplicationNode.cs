using Replication.Block.State;

namespace Replication.Roles;

/// <summary>
/// A node of the pair as its control services see it: the verbs of <c>ReplicationService</c>, over the whole group.
/// Every verb ends whole or undone; failures are <see cref="VerbException"/>s. Verbs of one node are serialised, status never waits.
/// </summary>
public interface IReplicationNode : IReplicationPeer, IAsyncDisposable
{
    NodeStatus GetStatus();

    /// <param name="mode">Must be the node's role.</param>
    /// <param name="sync">How the secondary is brought up to date.</param>
    /// <param name="abandonView">The secondary may give its view up where what it lacks does not fit its overlay.</param>
    /// <param name="discardSecondary">What the secondary has changed since the two parted does not count.</param>
    /// <param name="cancellationToken">The caller's.</param>
    Task<StartResult> StartAsync(NodeRole mode, SyncMode sync, bool abandonView, bool discardSecondary, CancellationToken cancellationToken);

    /// <summary>Brings a detached pair back: attaches and copies what the secondary lacks, without a checkpoint. Nothing to do while replicating.</summary>
    Task<ResyncResult> ResyncAsync(bool abandonView, CancellationToken cancellationToken);

    /// <summary>
    /// Compares every disk of the pair with the guest running; where <paramref name="repair"/>, copies the primary's content to what differs.
    /// </summary>
    Task<VerifyResult> VerifyAsync(bool repair, CancellationToken cancellationToken);

    /// <summary>The node verb with QEMU's meaning: a primary does nothing, a secondary switches. Returns the epoch.</summary>
    Task<ulong> CheckpointAsync(CancellationToken cancellationToken);

    /// <summary>Ends a replication that runs, with a last checkpoint. Returns the epoch.</summary>
    Task<ulong> StopAsync(CancellationToken cancellationToken);

    /// <summary>Promotes a secondary; on a primary, drops the mirror and goes on alone. Returns once the node serves.</summary>
    /// <param name="force">Also where the primary has acknowledged what the secondary lacks.</param>
    /// <param name="patience">How long a secondary waits for a primary that does not answer; null, and at most: five seconds.</param>
    /// <param name="cancellationToken">The caller's.</param>
    Task<FailoverResult> FailoverAsync(bool force, TimeSpan? patience, CancellationToken cancellationToken);

    /// <param name="epoch">The epoch to begin; 0 for the next.</param>
    /// <param name="deadline">Hold to release; null: the mirror deadline.</param>
    /// <param name="cancellationToken">The caller's.</param>
    Task<BegunCheckpoint> BeginCheckpointAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken);

    /// <summary>Releases the guest's writes. Returns the primary's epoch and how long it held.</summary>
    Task<(ulong Epoch, TimeSpan Hold)> EndCheckpointAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken);
}
