namespace Replication.Jobs;

/// <summary>What a job does; QEMU's names, in lower case on the wire.</summary>
public enum JobType
{
    /// <summary>Brings a layer's content into the one below it: the active commit of a failover.</summary>
    Commit,

    /// <summary>Makes another disk equal and keeps it so: the sync of a pair.</summary>
    Mirror,

    /// <summary>Copies a disk as it was at one moment.</summary>
    Backup,
}
