using System.Runtime.InteropServices;

namespace Replication.Benchmarks.Contestants;

/// <summary>The raw disks of a run: bytes that no shortcut for zeroes helps with, and the same on both sides.</summary>
internal static class DiskImage
{
    private const int PieceBytes = 4 << 20;
    private const int HoleBytes = 1 << 20;

    /// <summary>Full of data.</summary>
    public static void Create(string path, long lengthBytes) => Create(path, lengthBytes, PieceBytes, PieceBytes);

    /// <summary>Data and holes by turns, a MiB of each.</summary>
    public static void CreateHalf(string path, long lengthBytes) => Create(path, lengthBytes, HoleBytes, 2 * HoleBytes);

    /// <summary>What is read of it next comes from the device. Says nothing where there is none, on tmpfs.</summary>
    public static async Task DropFromCacheAsync(string path)
    {
        foreach (string[] command in new string[][] { ["sync", "--data", path], ["dd", $"if={path}", "iflag=nocache", "count=0", "status=none"] })
        {
            (int exitCode, string output) = await Programs.RunAsync(command[0], command[1..]);
            if (exitCode != 0)
                throw new BenchException($"{path} cannot be put out of the page cache: {output.Trim()}");
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

    private static void Create(string path, long lengthBytes, int pieceBytes, int strideBytes)
    {
        byte[] piece = new byte[pieceBytes];
        new Random(1).NextBytes(piece);
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        file.SetLength(lengthBytes);
        for (long offset = 0; offset < lengthBytes; offset += strideBytes)
        {
            MemoryMarshal.Write(piece, offset);
            file.Position = offset;
            file.Write(piece, 0, (int)Math.Min(pieceBytes, lengthBytes - offset));
        }
    }

    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
}
