namespace Replication.Interop.Support;

/// <summary>Raw images, from outside.</summary>
internal static class DiskFile
{
    private const int PieceBytes = 1 << 20;

    public static void Fill(string path, long lengthBytes, byte value)
    {
        byte[] piece = new byte[PieceBytes];
        Array.Fill(piece, value);
        using FileStream file = File.Create(path);
        for (long left = lengthBytes; left > 0; left -= piece.Length)
            file.Write(piece, 0, (int)Math.Min(left, piece.Length));
    }

    /// <summary>Compares every byte of two files.</summary>
    public static void Equal(string expected, string actual)
    {
        using FileStream left = Open(expected);
        using FileStream right = Open(actual);
        Assert.Equal(left.Length, right.Length);
        byte[] wanted = new byte[PieceBytes];
        for (long at = 0; at < left.Length; at += PieceBytes)
        {
            int lengthBytes = (int)Math.Min(PieceBytes, left.Length - at);
            byte[] found = Poison.Buffer(lengthBytes);
            left.ReadExactly(wanted, 0, lengthBytes);
            right.ReadExactly(found, 0, lengthBytes);
            BlockAssert.Equal(wanted.AsSpan(0, lengthBytes), found, at);
        }
    }

    public static byte[] Read(string path)
    {
        using FileStream file = Open(path);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    // The nodes hold the locks of the file; this program asks for none (System.IO.DisableFileLocking).
    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
