namespace Replication.Block.Quorums;

/// <summary>A guest request that changes the disk, so that one path serves all three kinds.</summary>
internal readonly struct GuestWrite
{
    private readonly ReadOnlyMemory<byte> _data;
    private readonly WriteFlags _flags;

    private GuestWrite(BlockOperation operation, BlockRange range, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        Operation = operation;
        Range = range;
        _data = data;
        _flags = flags;
    }

    public BlockOperation Operation { get; }

    public BlockRange Range { get; }

    /// <summary>Bytes that a forward of it must carry.</summary>
    public long PayloadBytes => _data.Length;

    public static GuestWrite Write(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        new(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), data, flags);

    public static GuestWrite Zeroes(BlockRange range, WriteFlags flags) => new(BlockOperation.WriteZeroes, range, default, flags);

    public static GuestWrite Discard(BlockRange range, WriteFlags flags) => new(BlockOperation.Discard, range, default, flags);

    /// <summary>It follows in the background: nobody waits for the peer to zero so much.</summary>
    public bool IsLongZeroing => Operation != BlockOperation.Write && Range.LengthBytes > Limits.ForwardedZeroBytes;

    /// <summary>The same request once its payload is used up.</summary>
    public GuestWrite WithoutData() => new(Operation, Range, default, _flags);

    public ValueTask ApplyTo(BlockNode node) => Operation switch
    {
        BlockOperation.Write => node.WriteAsync(Range.OffsetBytes, _data, _flags),
        BlockOperation.WriteZeroes => node.WriteZeroesAsync(Range, _flags),
        _ => node.DiscardAsync(Range, _flags),
    };

    /// <summary>The same for a mirror: trim travels as zeroing that may unmap, since only that has one result on both disks.</summary>
    public ValueTask ForwardTo(BlockNode node) => Operation switch
    {
        BlockOperation.Write => node.WriteAsync(Range.OffsetBytes, _data, _flags),
        _ => node.WriteZeroesAsync(Range, _flags & WriteFlags.NoUnmap),
    };
}
