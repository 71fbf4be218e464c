namespace Replication.Block.Secondary;

/// <summary>The failure cases that a secondary's data path meets; the numbers are the contract's.</summary>
public enum SecondaryFailure
{
    /// <summary>Old content could not be kept: the mirrored write failed.</summary>
    UndoCopy = 3,

    /// <summary>The secondary disk failed a mirrored request, a read of the secondary's guest, or its write after a failover.</summary>
    SecondaryDisk = 4,

    /// <summary>The active disk failed a guest's request, or the hidden disk below it a read: the guest has been given the error.</summary>
    ActiveDisk = 5,
}
