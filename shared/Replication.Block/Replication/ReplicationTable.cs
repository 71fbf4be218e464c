using Replication.Block.State;

namespace Replication.Block.Replication;

/// <summary>The replication node's verbs.</summary>
public enum ReplicationVerb
{
    Start,
    Checkpoint,
    GetError,
    Stop,
}

/// <summary>What a stage makes of a verb.</summary>
public enum VerbOutcome
{
    /// <summary>It is done.</summary>
    Perform,

    /// <summary>Succeeds without doing anything, because there is nothing to do for this mode.</summary>
    Nothing,

    /// <summary>Succeeds without doing anything, because replication is past it. The service refuses it instead.</summary>
    Ignored,

    /// <summary>Tells the recorded error, or that there is none.</summary>
    RecordedError,

    /// <summary>Error: replication is not running.</summary>
    NotRunning,

    /// <summary>Error: replication is running, or has failed to end.</summary>
    AlreadyRunning,

    /// <summary>Error: there is no backup job to take a checkpoint of.</summary>
    NoBackupJob,

    /// <summary>Error: the stage is an error by itself.</summary>
    Failed,

    /// <summary>Success: the past error is over.</summary>
    NoError,
}

/// <summary>Where the replication node takes a request.</summary>
public enum IoRoute
{
    /// <summary>EIO.</summary>
    Refuse,

    /// <summary>Primary: on to the mirror; the guest's result is the local child's.</summary>
    Forward,

    /// <summary>Secondary: into the active disk.</summary>
    Active,

    /// <summary>Secondary: blocks that active or hidden hold in the active disk, any other in the secondary disk.</summary>
    Split,

    /// <summary>Secondary: through active, hidden and secondary disk.</summary>
    Chain,

    /// <summary>Secondary: the secondary disk itself; the layers are gone.</summary>
    Direct,
}

/// <summary>The replication node's life as data: stage by verb, and stage by mode and direction.</summary>
/// <remarks>
/// <code>
/// stage            primary write  primary read  secondary write  secondary read  status value (P / S)
/// None             EIO            EIO           EIO              EIO             -EIO / -EIO
/// Running          forward        EIO           active           chain           0 / 0
/// Failover         EIO            EIO           split            chain           -EIO / 0
/// FailoverFailed   EIO            EIO           split            chain           -EIO / 1
/// Done             EIO            EIO           direct           direct          -EIO / 0
/// </code>
/// In Failover QEMU writes to the active disk only; splitting lets one pass of the commit end it. The service's stage <c>stopped</c> is Done without
/// writes: both disks of the pair stay equal.
/// </remarks>
public static class ReplicationTable
{
    public static VerbOutcome Outcome(NodeRole mode, ReplicationStage stage, ReplicationVerb verb, bool failover = false) => (verb, stage) switch
    {
        (ReplicationVerb.Start, ReplicationStage.None) => VerbOutcome.Perform,
        (ReplicationVerb.Start, ReplicationStage.Running or ReplicationStage.FailoverFailed) => VerbOutcome.AlreadyRunning,
        (ReplicationVerb.Start, _) => VerbOutcome.Ignored,

        (ReplicationVerb.Checkpoint, ReplicationStage.Failover or ReplicationStage.Done) => VerbOutcome.Ignored,
        (ReplicationVerb.Checkpoint, _) when mode == NodeRole.Primary => VerbOutcome.Nothing,
        (ReplicationVerb.Checkpoint, ReplicationStage.Running) => VerbOutcome.Perform,
        (ReplicationVerb.Checkpoint, _) => VerbOutcome.NoBackupJob,

        (ReplicationVerb.GetError, ReplicationStage.None) => VerbOutcome.NotRunning,
        (ReplicationVerb.GetError, ReplicationStage.FailoverFailed) => VerbOutcome.Failed,
        (ReplicationVerb.GetError, ReplicationStage.Done) => VerbOutcome.NoError,
        (ReplicationVerb.GetError, _) => VerbOutcome.RecordedError,

        (ReplicationVerb.Stop, ReplicationStage.None) => VerbOutcome.NotRunning,
        (ReplicationVerb.Stop, ReplicationStage.Running) => VerbOutcome.Perform,
        (ReplicationVerb.Stop, ReplicationStage.FailoverFailed) => failover ? VerbOutcome.Perform : VerbOutcome.Failed,
        (ReplicationVerb.Stop, _) => VerbOutcome.Ignored,
        _ => throw new ArgumentOutOfRangeException(nameof(verb), verb, null),
    };

    public static IoRoute Write(NodeRole mode, ReplicationStage stage) => (mode, stage) switch
    {
        (NodeRole.Primary, ReplicationStage.Running) => IoRoute.Forward,
        (NodeRole.Secondary, ReplicationStage.Running) => IoRoute.Active,
        (NodeRole.Secondary, ReplicationStage.Failover or ReplicationStage.FailoverFailed) => IoRoute.Split,
        (NodeRole.Secondary, ReplicationStage.Done) => IoRoute.Direct,
        _ => IoRoute.Refuse,
    };

    public static IoRoute Read(NodeRole mode, ReplicationStage stage) => (mode, stage) switch
    {
        (NodeRole.Secondary, ReplicationStage.Running or ReplicationStage.Failover or ReplicationStage.FailoverFailed) => IoRoute.Chain,
        (NodeRole.Secondary, ReplicationStage.Done) => IoRoute.Direct,
        _ => IoRoute.Refuse,
    };

    /// <summary>What QEMU's driver calls the I/O status: 0 serves, 1 serves with unfinished business, a negative error number otherwise.</summary>
    public static int StatusValue(NodeRole mode, ReplicationStage stage) => (mode, stage) switch
    {
        (_, ReplicationStage.None) => -Errno.EIO,
        (_, ReplicationStage.Running) => 0,
        (NodeRole.Primary, _) => -Errno.EIO,
        (_, ReplicationStage.FailoverFailed) => 1,
        _ => 0,
    };
}
