using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.State;

namespace Replication.Jobs.Bitmaps;

/// <summary>Marks of one bitmap: in memory, or in memory and a file.</summary>
/// <param name="memory">Where there is no file.</param>
/// <param name="file">Null: it is not kept over a restart.</param>
/// <param name="fileName">The file's.</param>
/// <param name="granularityBytes">What one bit stands for; a power of two.</param>
/// <param name="diskLengthBytes">Length of the disk.</param>
internal sealed class BitmapMarks(BlockBitmap? memory, PersistentBitmap? file, string? fileName, int granularityBytes, long diskLengthBytes) : IAsyncDisposable
{
    public BlockBitmap Bits { get; } = memory ?? file!.Bits;

    public string? FileName => fileName;

    public int GranularityBytes => granularityBytes;

    public long CountBytes => Bits.Count * granularityBytes;

    public static BitmapMarks InMemory(long diskLengthBytes, int granularityBytes) =>
        new(new BlockBitmap((diskLengthBytes + granularityBytes - 1) / granularityBytes), null, null, granularityBytes, diskLengthBytes);

    /// <summary>Completes at once where the range is marked already, or there is no file.</summary>
    /// <exception cref="BlockException">The file did not take the mark; memory has it.</exception>
    public ValueTask MarkAsync(BlockRange range)
    {
        long first = range.OffsetBytes / granularityBytes;
        long count = (range.EndBytes + granularityBytes - 1) / granularityBytes - first;
        if (file is not null)
            return file.MarkAsync(first, count);
        Bits.Set(first, count);
        return default;
    }

    /// <summary>Clears every mark. No change of the disk may be under way.</summary>
    public ValueTask ClearAsync()
    {
        if (file is not null)
            return file.ClearAsync(0, Bits.LengthBits);
        Bits.Clear(0, Bits.LengthBits);
        return default;
    }

    /// <summary>Marks what is marked there, granules of another size included.</summary>
    public async ValueTask OrAsync(BlockBitmap other, int otherGranularityBytes)
    {
        if (otherGranularityBytes == granularityBytes)
        {
            if (file is not null)
                await file.OrAsync(other);
            else
                Bits.Or(other);
            return;
        }

        for (long bit = other.NextSet(0, other.LengthBits); bit < other.LengthBits;)
        {
            long end = other.NextClear(bit, other.LengthBits);
            await MarkAsync(BlockRange.FromBounds(bit * otherGranularityBytes, Math.Min(end * otherGranularityBytes, diskLengthBytes)));
            bit = other.NextSet(end, other.LengthBits);
        }
    }

    /// <summary>Marks what was marked before a clear that is taken back.</summary>
    public BlockBitmap Copy()
    {
        var copy = new BlockBitmap(Bits.LengthBits);
        copy.Or(Bits);
        return copy;
    }

    public ValueTask DisposeAsync() => file?.DisposeAsync() ?? default;
}
