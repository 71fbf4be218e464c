using Replication.Block.Locks;
using Replication.Block.Replication;
using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>What every disk's nodes need to know of their group.</summary>
internal sealed class GroupState(TimeProvider time, Action<SecondaryFailure, string, BlockException>? onFailure)
{
    private volatile NodeStage _stage = NodeStage.None;
    private volatile MirrorSessionState? _session;

    public GroupGate Gate { get; } = new(time);

    /// <summary>
    /// The record's stage. Changes after the record; under the closed gate wherever the change moves data to another layer.
    /// </summary>
    public NodeStage Stage
    {
        get => _stage;
        set => _stage = value;
    }

    /// <summary>The mirror session in force, or the last one.</summary>
    public MirrorSessionState? Session
    {
        get => _session;
        set => _session = value;
    }

    public ReplicationStage ReplicationStage => ReplicationStages.OfSecondary(_stage);

    public void Report(SecondaryFailure failure, string disk, BlockException error) => onFailure?.Invoke(failure, disk, error);
}
