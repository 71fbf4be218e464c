namespace Replication.Block;

/// <summary>A write or a zeroing on its way through the layers: one shape, so that each layer cuts and routes both in the same way.</summary>
internal readonly struct WriteRequest
{
    private readonly ReadOnlyMemory<byte> _data;

    public WriteRequest(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        Range = new BlockRange(offsetBytes, data.Length);
        _data = data;
        Flags = flags;
    }

    public WriteRequest(BlockRange range, WriteFlags flags)
    {
        Range = range;
        Flags = flags;
        IsZero = true;
    }

    public BlockRange Range { get; }

    public WriteFlags Flags { get; }

    /// <summary>Zeroes, without bytes behind them.</summary>
    public bool IsZero { get; }

    /// <summary>The bytes; empty where <see cref="IsZero"/>.</summary>
    public ReadOnlyMemory<byte> Data => _data;

    public BlockOperation Operation => IsZero ? BlockOperation.WriteZeroes : BlockOperation.Write;

    /// <summary>The part of the request that lies in <paramref name="part"/>, which it contains.</summary>
    public WriteRequest Slice(BlockRange part) => IsZero
        ? new WriteRequest(part, Flags)
        : new WriteRequest(part.OffsetBytes, _data.Slice((int)(part.OffsetBytes - Range.OffsetBytes), (int)part.LengthBytes), Flags);

    public void CopyTo(Span<byte> target)
    {
        if (IsZero)
            target[..(int)Range.LengthBytes].Clear();
        else
            _data.Span.CopyTo(target);
    }

    /// <summary>True where <paramref name="content"/> is what the request would write.</summary>
    public bool Equals(ReadOnlySpan<byte> content) => IsZero ? !content.ContainsAnyExcept((byte)0) : _data.Span.SequenceEqual(content);

    public ValueTask ApplyAsync(BlockNode node) =>
        IsZero ? node.WriteZeroesAsync(Range, Flags) : node.WriteAsync(Range.OffsetBytes, _data, Flags);
}
