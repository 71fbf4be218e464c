using System.Buffers.Binary;
using System.Text.Unicode;

namespace Replication.Nbd.Wire;

/// <summary>A failed request's reply: with structured replies an error chunk with a text for people, otherwise the number alone.</summary>
internal static class ErrorReply
{
    public const int MaxBytes = WireSize.StructuredReply + WireSize.ErrorPrefix + Limits.MaxErrorTextBytes;

    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> bytes, bool structured, NbdError error, string? text, ulong cookie)
    {
        if (!structured)
        {
            ReplyHeader.WriteSimple(bytes, error, cookie);
            return WireSize.SimpleReply;
        }

        Span<byte> payload = bytes[WireSize.StructuredReply..];
        // A text that does not fit is cut between two characters.
        _ = Utf8.FromUtf16(text, payload.Slice(WireSize.ErrorPrefix, Limits.MaxErrorTextBytes), out _, out int textBytes);
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(payload[sizeof(uint)..], (ushort)textBytes);
        ReplyHeader.WriteChunk(bytes, ChunkFlags.Done, ChunkType.Error, cookie, WireSize.ErrorPrefix + textBytes);
        return WireSize.StructuredReply + WireSize.ErrorPrefix + textBytes;
    }
}
