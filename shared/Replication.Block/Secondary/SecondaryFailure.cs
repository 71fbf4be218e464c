namespace Replication.Block.Secondary;

/// <summary>The failure cases that a secondary's data path meets; the numbers are the contract's.</summary>
public enum SecondaryFailure
{
    /// <summary>Old content could not be kept: the mirrored write failed.</summary>
    UndoCopy = 3,

    /// <summary>The secondary disk failed a mirrored write, or a guest's write after a failover.</summary>
    SecondaryDisk = 4,

    /// <summary>The active disk failed a guest's write.</summary>
    ActiveDisk = 5,
}
