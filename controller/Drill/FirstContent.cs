namespace Replication.Controller.Drill;

/// <summary>What the disks hold before the drill: data and holes in turn, so that the first sync has both to carry.</summary>
internal static class FirstContent
{
    private const int PieceBytes = 512 << 10;

    public static byte[] Create(ulong seed, int disk, long lengthBytes)
    {
        DrillRandom random = DrillRandom.Of(seed, 1_000_000 + disk);
        byte[] content = new byte[lengthBytes];
        for (long offset = 0; offset < lengthBytes; offset += PieceBytes)
        {
            if (random.Below(3) == 0)
                random.Fill(content.AsSpan((int)offset, (int)Math.Min(PieceBytes, lengthBytes - offset)));
        }

        return content;
    }

    /// <summary>Writes the content as a sparse file.</summary>
    public static void Save(string path, byte[] content)
    {
        using FileStream file = File.Create(path);
        file.SetLength(content.LongLength);
        for (long offset = 0; offset < content.LongLength; offset += PieceBytes)
        {
            ReadOnlySpan<byte> piece = content.AsSpan((int)offset, (int)Math.Min(PieceBytes, content.LongLength - offset));
            if (piece.ContainsAnyExcept((byte)0))
                RandomAccess.Write(file.SafeFileHandle, piece, offset);
        }
    }
}
