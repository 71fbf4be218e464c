using System.Buffers.Binary;

namespace Replication.Simulation.Model;

/// <summary>The bytes of the n-th write of a run: no two writes share them, so that a byte tells where it came from.</summary>
internal static class Stamp
{
    public static byte[] Bytes(long write, long offsetBytes, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        Span<byte> word = stackalloc byte[8];
        for (int i = 0; i < lengthBytes;)
        {
            long offset = offsetBytes + i;
            BinaryPrimitives.WriteUInt64LittleEndian(word, Mix((ulong)write * 0x9E3779B97F4A7C15 ^ (ulong)(offset / 8)));
            for (int at = (int)(offset % 8); at < 8 && i < lengthBytes; at++, i++)
                bytes[i] = word[at];
        }

        return bytes;
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
