using Replication.Block;

namespace Replication.Interop.Support;

/// <summary>What a guest does with an export, in a line.</summary>
internal static class Guest
{
    private const int PieceBytes = 1 << 20;

    public static async Task FillAsync(BlockNode disk, long offsetBytes, int lengthBytes, byte value)
    {
        byte[] data = new byte[lengthBytes];
        Array.Fill(data, value);
        await disk.WriteAsync(offsetBytes, data);
    }

    public static Task ReadsAsync(BlockNode disk, long offsetBytes, long lengthBytes, byte value) =>
        BlockAssert.FilledAsync(disk, new BlockRange(offsetBytes, lengthBytes), value);

    /// <summary>Every byte of the export, read into poisoned memory.</summary>
    public static async Task<byte[]> ReadAllAsync(BlockNode disk)
    {
        byte[] bytes = Poison.Buffer((int)disk.LengthBytes);
        for (int at = 0; at < bytes.Length; at += PieceBytes)
            await disk.ReadAsync(at, bytes.AsMemory(at, Math.Min(PieceBytes, bytes.Length - at)));
        return bytes;
    }
}
