using System.Buffers.Binary;
using Replication.Block.Bitmaps;

namespace Replication.Block.State;

// The file: how it begins, and what an open finds in it.
public sealed partial class PersistentBitmap
{
    private const uint Version = 1;
    private const int HeaderFieldBytes = 24;

    private static ReadOnlySpan<byte> Magic => "COLOBITS"u8;

    /// <summary>Length of the file for a disk.</summary>
    public static long FileBytes(long diskLengthBytes, int granularityBytes)
    {
        long bits = (diskLengthBytes + granularityBytes - 1) / granularityBytes;
        return HeaderBytes + (bits + 63) / 64 * WordBytes;
    }

    /// <summary>
    /// Begins a bitmap without marks in a file that may hold an older one. All of it is allocated, so that a full file system cannot fail a mark later; the
    /// file is the bitmap's from here on.
    /// </summary>
    public static async ValueTask<PersistentBitmap> CreateAllocatedAsync(BlockNode file, long diskLengthBytes, int granularityBytes, bool durable = false)
    {
        await file.WriteZeroesAsync(new BlockRange(0, file.LengthBytes), WriteFlags.NoUnmap);
        PersistentBitmap bitmap = await CreateAsync(file, diskLengthBytes, granularityBytes, durable);
        if (durable)
            await file.FlushAsync();
        return bitmap;
    }

    /// <summary>Begins a bitmap without marks in <paramref name="file"/>, a hole throughout; the file is the bitmap's from here on.</summary>
    public static async ValueTask<PersistentBitmap> CreateAsync(BlockNode file, long diskLengthBytes, int granularityBytes, bool durable = false)
    {
        byte[] header = new byte[HeaderFieldBytes + sizeof(uint)];
        EncodeHeader(header, diskLengthBytes, granularityBytes);
        await file.WriteAsync(0, header);
        return new PersistentBitmap(file, diskLengthBytes, granularityBytes, durable);
    }

    /// <summary>Loads a bitmap; the file is the bitmap's from here on.</summary>
    /// <exception cref="StateException">Not such a bitmap, damaged, of an unknown version, or of another disk.</exception>
    public static async ValueTask<PersistentBitmap> LoadAsync(BlockNode file, long diskLengthBytes, int granularityBytes, bool durable = false)
    {
        byte[] buffer = new byte[Limits.BitmapUpdateBytes];
        if (file.LengthBytes != FileBytes(diskLengthBytes, granularityBytes))
            throw new StateException($"{file.Name}: has {file.LengthBytes} bytes, a bitmap of this disk has {FileBytes(diskLengthBytes, granularityBytes)}");
        await file.ReadAsync(0, buffer.AsMemory(0, HeaderFieldBytes + sizeof(uint)));
        CheckHeader(buffer, file.Name, diskLengthBytes, granularityBytes);
        var bitmap = new PersistentBitmap(file, diskLengthBytes, granularityBytes, durable);
        for (long offset = HeaderBytes; offset < file.LengthBytes;)
        {
            Extent extent = await file.StatusAsync(BlockRange.FromBounds(offset, file.LengthBytes));
            if (extent.Flags.HasFlag(ExtentFlags.Zero))
            {
                offset += extent.LengthBytes;
                offset -= offset < file.LengthBytes ? offset % WordBytes : 0;
                continue;
            }

            int lengthBytes = (int)Math.Min(buffer.Length, file.LengthBytes - offset);
            await file.ReadAsync(offset, buffer.AsMemory(0, lengthBytes));
            bitmap.Adopt((offset - HeaderBytes) / WordBytes, buffer.AsSpan(0, lengthBytes));
            offset += lengthBytes;
        }

        // Marks that a kill has left in the page cache alone look like those that were flushed, and nobody would flush them again.
        if (durable)
            await file.FlushAsync();
        return bitmap;
    }

    private void Adopt(long word, ReadOnlySpan<byte> image)
    {
        for (; image.Length >= WordBytes; image = image[WordBytes..], word++)
            Bits.SetInWord(word, BinaryPrimitives.ReadUInt64LittleEndian(image) & BlockBitmap.Mask(word * 64, Bits.LengthBits));
    }

    private static void EncodeHeader(Span<byte> header, long diskLengthBytes, int granularityBytes)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], granularityBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], diskLengthBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[HeaderFieldBytes..], Checksum.Crc32C(header[..HeaderFieldBytes]));
    }

    private static void CheckHeader(ReadOnlySpan<byte> header, string file, long diskLengthBytes, int granularityBytes)
    {
        if (!header.StartsWith(Magic))
            throw new StateException($"{file}: not a bitmap");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version != Version)
            throw new StateException($"{file}: bitmap format version {version} is not known (this build knows {Version})");
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[HeaderFieldBytes..]) != Checksum.Crc32C(header[..HeaderFieldBytes]))
            throw new StateException($"{file}: the bitmap's header is damaged (its checksum does not fit)");
        if (BinaryPrimitives.ReadInt32LittleEndian(header[12..]) is var granularity && granularity != granularityBytes)
            throw new StateException($"{file}: the bitmap has blocks of {granularity} bytes, not {granularityBytes}");
        if (BinaryPrimitives.ReadInt64LittleEndian(header[16..]) is var length && length != diskLengthBytes)
            throw new StateException($"{file}: the bitmap belongs to a disk of {length} bytes, not {diskLengthBytes}");
    }
}
