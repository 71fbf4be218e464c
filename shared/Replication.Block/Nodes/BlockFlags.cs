namespace Replication.Block;

/// <summary>What a write, zeroing or discard asks for besides its bytes.</summary>
[Flags]
public enum WriteFlags
{
    None = 0,

    /// <summary>Force unit access: the data is on stable storage before the request completes.</summary>
    Fua = 1,

    /// <summary>Write-zeroes only: the range must stay allocated (NBD's NO_HOLE).</summary>
    NoUnmap = 2,
}
