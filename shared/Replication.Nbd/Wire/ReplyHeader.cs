using System.Buffers.Binary;

namespace Replication.Nbd.Wire;

/// <summary>Header of a simple reply or of a chunk of a structured one.</summary>
internal readonly record struct ReplyHeader(bool IsStructured, ChunkFlags Flags, ChunkType Type, NbdError Error, ulong Cookie, uint LengthBytes)
{
    public bool IsDone => !IsStructured || (Flags & ChunkFlags.Done) != 0;

    /// <summary>Bytes of the header; 0 if this is no reply.</summary>
    /// <param name="bytes">At least the first four.</param>
    public static int Size(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes) switch
    {
        Magic.SimpleReply => WireSize.SimpleReply,
        Magic.StructuredReply => WireSize.StructuredReply,
        _ => 0,
    };

    /// <param name="bytes">At least <see cref="Size"/>, which is not 0.</param>
    public static ReplyHeader Read(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes) == Magic.SimpleReply
        ? new ReplyHeader(
            false, ChunkFlags.Done, ChunkType.None, (NbdError)BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), 0)
        : new ReplyHeader(
            true,
            (ChunkFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]),
            (ChunkType)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
            NbdError.None,
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));

    public static void WriteSimple(Span<byte> bytes, NbdError error, ulong cookie)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Magic.SimpleReply);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], cookie);
    }

    public static void WriteChunk(Span<byte> bytes, ChunkFlags flags, ChunkType type, ulong cookie, int lengthBytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Magic.StructuredReply);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)type);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], cookie);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], (uint)lengthBytes);
    }

    /// <summary>The header and offset that stand in front of a read's data; the data is the whole answer.</summary>
    public static void WriteDataChunk(Span<byte> bytes, ulong cookie, ulong offsetBytes, int lengthBytes)
    {
        WriteChunk(bytes, ChunkFlags.Done, ChunkType.OffsetData, cookie, lengthBytes + sizeof(ulong));
        BinaryPrimitives.WriteUInt64BigEndian(bytes[WireSize.StructuredReply..], offsetBytes);
    }
}
