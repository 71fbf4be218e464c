using Replication.Block;

namespace Replication.Testing;

/// <summary>Short forms for tests.</summary>
public static class Nodes
{
    /// <summary>Fills the range with one value, in pieces.</summary>
    public static async Task FillAsync(this BlockNode node, BlockRange range, byte value)
    {
        byte[] piece = new byte[(int)Math.Min(1 << 20, range.LengthBytes)];
        Array.Fill(piece, value);
        for (long offset = range.OffsetBytes; offset < range.EndBytes; offset += piece.Length)
            await node.WriteAsync(offset, piece.AsMemory(0, (int)Math.Min(piece.Length, range.EndBytes - offset)));
    }

    public static async Task<byte[]> ReadAllAsync(this BlockNode node)
    {
        byte[] content = Poison.Buffer(checked((int)node.LengthBytes));
        await node.ReadAsync(0, content);
        return content;
    }
}
