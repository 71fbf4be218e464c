using Replication.Block.State;

namespace Replication.Roles;

/// <summary>One node of a pair: opens its state, takes the role that is recorded there, and passes each verb to the role that has it.</summary>
public sealed class GroupNode : IReplicationNode
{
    private GroupNode()
    {
    }

    public NodeRole Role => throw new NotImplementedException();

    /// <summary>The disks as this node's guest sees them.</summary>
    public ExportCatalog GuestExports => throw new NotImplementedException();

    /// <summary>The disks as mirror sessions see them; changes with every session.</summary>
    public ExportCatalog MirrorExports => throw new NotImplementedException();

    /// <summary>Opens and locks the disks and the state directory, takes the role recorded there (or the initial one), and opens the role's graph. Serves nothing yet.</summary>
    /// <exception cref="IOException">A disk or the state cannot be used: one line that says which and why. Nothing was changed.</exception>
    public static Task<GroupNode> OpenAsync(NodeOptions options, NodeServices services) => throw new NotImplementedException();

    /// <summary>Goes on with what the last run left: waits for the peer, resumes a commit. Call once, when the control endpoint answers.</summary>
    public void Begin() => throw new NotImplementedException();

    public NodeStatus GetStatus() => throw new NotImplementedException();

    public Task<StartResult> StartAsync(NodeRole mode, SyncMode sync, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<ulong> CheckpointAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<ulong> StopAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<FailoverResult> FailoverAsync(bool force, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<BegunCheckpoint> BeginCheckpointAsync(ulong epoch, TimeSpan? deadline, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<(ulong Epoch, TimeSpan Hold)> EndCheckpointAsync(ulong epoch, CheckpointOutcome outcome, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<AttachReply> AttachMirrorAsync(AttachRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task DetachMirrorAsync(Guid session, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task CompleteSyncAsync(Guid session, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<ReadOnlyMemory<byte>> GetDigestsAsync(Guid session, string disk, long offsetBytes, long lengthBytes, int pieceBytes, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<(ulong Epoch, TimeSpan Elapsed)> CommitCheckpointAsync(CommitRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<ulong> StopReplicationAsync(CommitRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<PeerPosition> GetPositionAsync(string group, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task<PeerPosition> HoldAsync(string group, Generation generation, TimeSpan lease, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task ReleaseAsync(Generation? fencedBy, CancellationToken cancellationToken) => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
