using Replication.Block;
using Replication.Block.Bitmaps;

namespace Replication.Nbd;

/// <summary>A dirty bitmap of an export's disk. Whoever offers it sees to it that the bitmap stays in place for as long as the export is there.</summary>
/// <param name="bitmap">The bitmap's name.</param>
/// <param name="bits">Its marks, over the whole disk; they may change meanwhile.</param>
/// <param name="granularityBytes">What one bit stands for.</param>
public sealed class DirtyBitmapContext(string bitmap, BlockBitmap bits, int granularityBytes) : INbdMetaContext
{
    private const uint Dirty = 1;

    public string Name { get; } = NbdContextNames.DirtyBitmap(bitmap);

    public ValueTask<NbdExtent> StatusAsync(BlockRange range)
    {
        long first = range.OffsetBytes / granularityBytes;
        long end = (range.EndBytes - 1) / granularityBytes + 1;
        Invariant.Check(end <= bits.LengthBits, "a bitmap covers the disk of its export");
        bool isDirty = bits[first];
        // From the next bit on: a mark that changes between two looks must not leave an extent without bytes.
        long next = isDirty ? bits.NextClear(first + 1, end) : bits.NextSet(first + 1, end);
        long endBytes = next < end ? next * granularityBytes : range.EndBytes;
        return new ValueTask<NbdExtent>(new NbdExtent(endBytes - range.OffsetBytes, isDirty ? Dirty : 0));
    }
}
