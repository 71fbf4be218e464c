using Replication.Block;

namespace Replication.Controller.Drill.Model;

/// <summary>
/// A range of the view that a request was in flight with when a checkpoint was taken: it is wholly as with the request, or wholly as without it. The first
/// read that can tell the two apart settles it for good.
/// </summary>
internal sealed class EitherOr(GuestRequest request, byte[] without, byte[] with)
{
    private bool? _isIn;

    public GuestRequest Request { get; } = request;
    public BlockRange Range => Request.Range;

    /// <summary>The view holds the request; null while nobody knows.</summary>
    public bool? IsIn => _isIn;

    /// <summary>A later write lands on both.</summary>
    public void Write(BlockRange range, ReadOnlySpan<byte> data)
    {
        BlockRange part = Range.Intersect(range);
        if (part.IsEmpty)
            return;
        ReadOnlySpan<byte> source = data.Slice((int)(part.OffsetBytes - range.OffsetBytes), (int)part.LengthBytes);
        source.CopyTo(Part(without, part));
        source.CopyTo(Part(with, part));
    }

    /// <summary>The bytes that <paramref name="actual"/> must equal; settles which, where it tells.</summary>
    public ReadOnlySpan<byte> Settle(BlockRange part, ReadOnlySpan<byte> actual)
    {
        Span<byte> a = Part(without, part);
        Span<byte> b = Part(with, part);
        if (_isIn is { } known)
            return known ? b : a;
        bool isA = actual.SequenceEqual(a);
        bool isB = actual.SequenceEqual(b);
        if (isA != isB)
            _isIn = isB;
        return isB ? b : a;
    }

    private Span<byte> Part(byte[] bytes, BlockRange part) => bytes.AsSpan((int)(part.OffsetBytes - Range.OffsetBytes), (int)part.LengthBytes);
}
