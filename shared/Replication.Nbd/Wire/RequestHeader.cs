using System.Buffers.Binary;

namespace Replication.Nbd.Wire;

/// <summary>A request of the transmission phase, as it stands on the wire; its numbers are the client's and not yet believed.</summary>
internal readonly record struct RequestHeader(CommandFlags Flags, Command Command, ulong Cookie, ulong OffsetBytes, uint LengthBytes)
{
    /// <param name="bytes">At least <see cref="WireSize.Request"/>.</param>
    /// <param name="header">The request.</param>
    /// <returns>False if this is no request.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RequestHeader header)
    {
        header = new RequestHeader(
            (CommandFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]),
            (Command)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[24..]));
        return BinaryPrimitives.ReadUInt32BigEndian(bytes) == Magic.Request;
    }

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Magic.Request);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], (ushort)Flags);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)Command);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Cookie);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[16..], OffsetBytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[24..], LengthBytes);
    }
}
