namespace Replication.Testing;

/// <summary>Buffers filled with what no test writes, so that a byte that was never filled in is found.</summary>
public static class Poison
{
    public const byte Value = 0xDB;

    public static byte[] Buffer(int lengthBytes)
    {
        var buffer = new byte[lengthBytes];
        Array.Fill(buffer, Value);
        return buffer;
    }
}
