namespace Replication.Block;

/// <summary>A run of bytes on a disk: the one shape in which a range travels.</summary>
/// <param name="OffsetBytes">First byte, counted from the disk's start; never negative.</param>
/// <param name="LengthBytes">Number of bytes; never negative. Offset + length never overflows.</param>
public readonly record struct BlockRange(long OffsetBytes, long LengthBytes)
{
    /// <summary>First byte behind the range.</summary>
    public long EndBytes => OffsetBytes + LengthBytes;

    public bool IsEmpty => LengthBytes == 0;

    public static BlockRange FromBounds(long offsetBytes, long endBytes) => new(offsetBytes, endBytes - offsetBytes);

    public bool Overlaps(BlockRange other) => OffsetBytes < other.EndBytes && other.OffsetBytes < EndBytes;

    public bool Contains(BlockRange other) => OffsetBytes <= other.OffsetBytes && other.EndBytes <= EndBytes;

    /// <summary>The range rounded out to whole blocks, but not beyond the end of the disk.</summary>
    public BlockRange AlignOut(int blockSizeBytes, long diskLengthBytes)
    {
        long mask = blockSizeBytes - 1L;
        return FromBounds(OffsetBytes & ~mask, Math.Min((EndBytes + mask) & ~mask, diskLengthBytes));
    }

    /// <summary>The part that both ranges share; empty where they do not meet.</summary>
    public BlockRange Intersect(BlockRange other)
    {
        long offset = Math.Max(OffsetBytes, other.OffsetBytes);
        return new BlockRange(offset, Math.Max(0, Math.Min(EndBytes, other.EndBytes) - offset));
    }

    public override string ToString() => $"{OffsetBytes}+{LengthBytes}";
}
