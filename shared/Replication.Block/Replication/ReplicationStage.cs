using Replication.Block.State;

namespace Replication.Block.Replication;

/// <summary>Stages of the replication node, as QEMU's driver names them.</summary>
public enum ReplicationStage
{
    None,
    Running,
    Failover,
    FailoverFailed,
    Done,
}

/// <summary>The replication node's stage within the service's.</summary>
public static class ReplicationStages
{
    /// <summary>What the replication node makes of a secondary's stage; the stages that QEMU does not have serve no guest, or no longer change.</summary>
    public static ReplicationStage OfSecondary(NodeStage stage) => stage switch
    {
        NodeStage.Running => ReplicationStage.Running,
        NodeStage.Failover => ReplicationStage.Failover,
        NodeStage.FailoverFailed => ReplicationStage.FailoverFailed,
        NodeStage.Done or NodeStage.Stopped => ReplicationStage.Done,
        _ => ReplicationStage.None,
    };
}
