using System.Buffers.Binary;

namespace Replication.Nbd.Wire;

/// <summary>Header of a haggling option.</summary>
internal readonly record struct OptionHeader(Option Option, uint LengthBytes)
{
    /// <returns>False if this is no option.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out OptionHeader header)
    {
        header = new OptionHeader((Option)BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]));
        return BinaryPrimitives.ReadUInt64BigEndian(bytes) == Magic.Option;
    }

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Magic.Option);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], (uint)Option);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], LengthBytes);
    }
}
