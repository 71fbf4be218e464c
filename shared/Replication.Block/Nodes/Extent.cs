namespace Replication.Block;

/// <summary>NBD's <c>base:allocation</c> bits of an extent.</summary>
[Flags]
public enum ExtentFlags
{
    /// <summary>Allocated; may hold anything.</summary>
    Data = 0,

    /// <summary>Not allocated.</summary>
    Hole = 1,

    /// <summary>Reads as zeroes.</summary>
    Zero = 2,
}

/// <summary>A run of bytes with one status, from the offset that was asked for.</summary>
/// <param name="LengthBytes">At least 1, at most what was asked for.</param>
/// <param name="Flags">Its status.</param>
public readonly record struct Extent(long LengthBytes, ExtentFlags Flags);
