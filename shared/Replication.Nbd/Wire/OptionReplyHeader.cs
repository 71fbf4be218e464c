using System.Buffers.Binary;

namespace Replication.Nbd.Wire;

/// <summary>Header of the answer to a haggling option.</summary>
internal readonly record struct OptionReplyHeader(Option Option, OptionReply Reply, uint LengthBytes)
{
    public bool IsError => Reply.HasFlag(OptionReply.ErrorBit);

    /// <returns>False if this is no option reply.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out OptionReplyHeader header)
    {
        header = new OptionReplyHeader(
            (Option)BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            (OptionReply)BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));
        return BinaryPrimitives.ReadUInt64BigEndian(bytes) == Magic.OptionReply;
    }

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Magic.OptionReply);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], (uint)Option);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], (uint)Reply);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], LengthBytes);
    }
}
