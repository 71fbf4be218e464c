using System.Buffers.Binary;
using System.Numerics;

namespace Replication.Block.State;

/// <summary>The checksum of every durable structure: CRC-32C as iSCSI defines it.</summary>
internal static class Checksum
{
    public static uint Crc32C(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte value in data)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
