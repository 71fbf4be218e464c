using System.Runtime.InteropServices;

namespace Replication.Benchmarks.Contestants;

/// <summary>The raw disks of a run: full of bytes that no shortcut for zeroes helps with, and the same on both sides.</summary>
internal static class DiskImage
{
    private const int PieceBytes = 4 << 20;

    public static void Create(string path, long lengthBytes)
    {
        byte[] piece = new byte[PieceBytes];
        new Random(1).NextBytes(piece);
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        for (long offset = 0; offset < lengthBytes; offset += PieceBytes)
        {
            MemoryMarshal.Write(piece, offset);
            file.Write(piece, 0, (int)Math.Min(PieceBytes, lengthBytes - offset));
        }
    }

    /// <summary>The first byte that differs; null where none does.</summary>
    public static long? FirstDifference(string path, string otherPath)
    {
        using FileStream one = Open(path), other = Open(otherPath);
        byte[] left = new byte[PieceBytes], right = new byte[PieceBytes];
        for (long offset = 0; offset < one.Length; offset += PieceBytes)
        {
            int count = one.ReadAtLeast(left, PieceBytes, throwOnEndOfStream: false);
            int otherCount = other.ReadAtLeast(right, PieceBytes, throwOnEndOfStream: false);
            int equal = left.AsSpan(0, count).CommonPrefixLength(right.AsSpan(0, otherCount));
            if (equal < Math.Max(count, otherCount))
                return offset + equal;
        }

        return null;
    }

    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
}
