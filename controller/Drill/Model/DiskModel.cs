using Replication.Block;

namespace Replication.Controller.Drill.Model;

/// <summary>
/// The bytes of one disk as they must be, on both sides. Guarded by the <see cref="GroupModel"/>'s lock.
/// </summary>
/// <remarks>
/// <c>Primary</c> is what the primary's guest has had acknowledged. <c>View</c> is what the secondary's guest must see: the primary as of the last checkpoint,
/// and its own writes since; where a request was in flight with that checkpoint, an <see cref="EitherOr"/> stands over it.
/// </remarks>
internal sealed class DiskModel(int number, byte[] content)
{
    private readonly StaleGranules _stale = new(content.LongLength);
    private readonly List<EitherOr> _cuts = [];

    // Writes that were in flight when the primary died: each of their bytes is the old or the new one.
    private readonly List<(BlockRange Range, byte[] Data)> _torn = [];

    public byte[] Primary { get; } = content;
    public byte[] View { get; } = [.. content];
    public IReadOnlyList<EitherOr> Cuts => _cuts;

    public void WritePrimary(BlockRange range, ReadOnlySpan<byte> data)
    {
        data.CopyTo(Primary.AsSpan((int)range.OffsetBytes));
        _stale.Mark(range);
    }

    public void WriteView(BlockRange range, ReadOnlySpan<byte> data)
    {
        data.CopyTo(View.AsSpan((int)range.OffsetBytes));
        foreach (EitherOr cut in _cuts)
            cut.Write(range, data);
        _stale.Mark(range);
    }

    public void Tear(BlockRange range, ReadOnlySpan<byte> data) => _torn.Add((range, data.ToArray()));

    /// <summary>The view becomes the primary's bytes; what the last checkpoint left open is settled by that.</summary>
    public void SwitchView()
    {
        _cuts.Clear();
        _stale.CopyAndClear(Primary, View);
    }

    /// <summary>Leaves open whether the view holds this request.</summary>
    public EitherOr Cut(GuestRequest request, ReadOnlySpan<byte> without, ReadOnlySpan<byte> with)
    {
        var cut = new EitherOr(request, without.ToArray(), with.ToArray());
        _cuts.Add(cut);
        _stale.Mark(request.Range);
        return cut;
    }

    public byte[]? CopyView(BlockRange range) =>
        _cuts.Exists(c => c.Range.Overlaps(range)) ? null : View.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).ToArray();

    public Mismatch? CheckView(long offsetBytes, ReadOnlySpan<byte> actual)
    {
        var range = new BlockRange(offsetBytes, actual.Length);
        Mismatch? found = null;
        long at = offsetBytes;
        foreach (EitherOr cut in _cuts.Where(c => c.Range.Overlaps(range)).OrderBy(c => c.Range.OffsetBytes))
        {
            BlockRange part = cut.Range.Intersect(range);
            found = Mismatch.Sum(found, CheckPart(View, BlockRange.FromBounds(at, part.OffsetBytes), offsetBytes, actual));
            ReadOnlySpan<byte> seen = actual.Slice((int)(part.OffsetBytes - offsetBytes), (int)part.LengthBytes);
            found = Mismatch.Sum(found, Mismatch.Compare(number, part.OffsetBytes, cut.Settle(part, seen), seen));
            at = part.EndBytes;
        }

        return Mismatch.Sum(found, CheckPart(View, BlockRange.FromBounds(at, range.EndBytes), offsetBytes, actual));
    }

    public Mismatch? CheckPrimary(long offsetBytes, ReadOnlySpan<byte> actual)
    {
        var range = new BlockRange(offsetBytes, actual.Length);
        if (!_torn.Exists(t => t.Range.Overlaps(range)))
            return CheckPart(Primary, range, offsetBytes, actual);
        // A byte that a dead guest's write may or may not have changed is taken as it is, where it is one of the two.
        byte[] expected = Primary.AsSpan((int)offsetBytes, actual.Length).ToArray();
        foreach ((BlockRange torn, byte[] data) in _torn)
        {
            BlockRange part = torn.Intersect(range);
            for (long at = part.OffsetBytes; at < part.EndBytes; at++)
            {
                int i = (int)(at - offsetBytes);
                if (actual[i] == data[at - torn.OffsetBytes])
                    expected[i] = actual[i];
            }
        }

        return Mismatch.Compare(number, offsetBytes, expected, actual);
    }

    private Mismatch? CheckPart(byte[] image, BlockRange part, long offsetBytes, ReadOnlySpan<byte> actual) => part.IsEmpty
        ? null
        : Mismatch.Compare(
            number,
            part.OffsetBytes,
            image.AsSpan((int)part.OffsetBytes, (int)part.LengthBytes),
            actual.Slice((int)(part.OffsetBytes - offsetBytes), (int)part.LengthBytes));
}
