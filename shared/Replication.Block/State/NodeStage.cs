namespace Replication.Block.State;

/// <summary>Which side of the pair a node is. Values are on disk and on the wire.</summary>
public enum NodeRole : byte
{
    Primary = 1,
    Secondary = 2,
}

/// <summary>Stages of a node. Values are on disk and on the wire; 0 is never written.</summary>
public enum NodeStage : byte
{
    // Primary.
    Standalone = 1,
    Waiting = 2,
    Syncing = 3,
    Replicating = 4,
    Detached = 5,
    Resyncing = 6,
    Stopped = 7,
    Fenced = 8,

    // Secondary, which also has Syncing and Stopped.
    None = 9,
    Running = 10,
    Inconsistent = 11,
    Failover = 12,
    FailoverFailed = 13,
    Done = 14,
}
