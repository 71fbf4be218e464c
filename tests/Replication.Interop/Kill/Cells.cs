using System.Buffers.Binary;

namespace Replication.Interop.Kill;

/// <summary>
/// A cell is 512 bytes that say who wrote them: a stamp that no other write of the test has, the disk and the cell they were meant for, and a pattern made of
/// these. So an image can be decoded, and a cell that is torn, misplaced or foreign has no stamp at all.
/// </summary>
internal static class Cells
{
    public const int Bytes = 512;

    private const int HeaderBytes = 16;

    public static void Encode(Span<byte> cell, int stamp, int disk, int index)
    {
        BinaryPrimitives.WriteInt32LittleEndian(cell, stamp);
        BinaryPrimitives.WriteInt32LittleEndian(cell[4..], disk);
        BinaryPrimitives.WriteInt32LittleEndian(cell[8..], index);
        BinaryPrimitives.WriteInt32LittleEndian(cell[12..], ~stamp);
        uint state = (uint)HashCode(stamp, disk, index);
        for (int i = HeaderBytes; i < Bytes; i += 4)
        {
            // xorshift32
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            BinaryPrimitives.WriteUInt32LittleEndian(cell[i..], state);
        }
    }

    /// <summary>The data of one write over some cells.</summary>
    public static byte[] Encode(int stamp, int disk, int firstCell, int count)
    {
        byte[] data = new byte[count * Bytes];
        for (int i = 0; i < count; i++)
            Encode(data.AsSpan(i * Bytes, Bytes), stamp, disk, firstCell + i);
        return data;
    }

    /// <summary>The stamp of every cell of a disk's image; every byte is looked at.</summary>
    public static int[] Decode(ReadOnlySpan<byte> image, int disk)
    {
        int[] stamps = new int[image.Length / Bytes];
        Span<byte> expected = stackalloc byte[Bytes];
        for (int i = 0; i < stamps.Length; i++)
        {
            ReadOnlySpan<byte> cell = image.Slice(i * Bytes, Bytes);
            stamps[i] = BinaryPrimitives.ReadInt32LittleEndian(cell);
            Encode(expected, stamps[i], disk, i);
            int same = expected.CommonPrefixLength(cell);
            if (same < Bytes)
            {
                Assert.Fail($"disk{disk}, cell {i} (offset {i * Bytes}) is no write of this test: it begins like stamp {stamps[i]}, and differs from byte "
                    + $"{same} on: {Convert.ToHexString(cell)}");
            }
        }

        return stamps;
    }

    private static int HashCode(int stamp, int disk, int index) =>
        unchecked((stamp * (int)0x9E3779B1) ^ (disk * (int)0x85EBCA77) ^ (index * (int)0xC2B2AE3D)) | 1;
}
