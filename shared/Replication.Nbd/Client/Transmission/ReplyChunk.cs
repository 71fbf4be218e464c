using System.Buffers.Binary;
using System.Text;
using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>Reads the chunks of a structured reply against the request that they answer. What does not fit is a violation, said in words.</summary>
internal static class ReplyChunk
{
    /// <summary>A chunk that was received whole. Null if it is in order; a hole's range may then be asked for.</summary>
    public static string? Take(RequestSlot slot, in ReplyHeader reply, ReadOnlySpan<byte> payload) => reply.Type switch
    {
        ChunkType.None => payload.IsEmpty && reply.IsDone ? null : "an empty chunk that is none",
        ChunkType.OffsetHole =>
            slot.Header.Command == Command.Read && payload.Length == WireSize.HoleChunk && Fits(slot, HoleRange(slot, payload))
                ? null
                : "a hole outside of its request",
        _ when (reply.Type & ChunkType.ErrorBit) != 0 => TakeError(slot, payload),
        _ => $"a chunk of unknown type {(int)reply.Type}",
    };

    /// <summary>Where the data of an OFFSET_DATA chunk belongs within the request; null if nowhere.</summary>
    public static BlockRange? DataRange(RequestSlot slot, in ReplyHeader reply, ReadOnlySpan<byte> payload)
    {
        if (slot.Header.Command != Command.Read || reply.LengthBytes <= sizeof(ulong))
            return null;
        var range = new BlockRange((long)(BinaryPrimitives.ReadUInt64BigEndian(payload) - slot.Header.OffsetBytes), reply.LengthBytes - sizeof(ulong));
        return Fits(slot, range) ? range : null;
    }

    public static BlockRange HoleRange(RequestSlot slot, ReadOnlySpan<byte> payload) => new(
        (long)(BinaryPrimitives.ReadUInt64BigEndian(payload) - slot.Header.OffsetBytes),
        BinaryPrimitives.ReadUInt32BigEndian(payload[sizeof(ulong)..]));

    /// <summary>The head of a BLOCK_STATUS chunk. Null if it is in order: then extents follow.</summary>
    public static string? TakeStatus(RequestSlot slot, in ReplyHeader reply)
    {
        long extentBytes = (long)reply.LengthBytes - sizeof(uint);
        if (slot.Header.Command != Command.BlockStatus || extentBytes < WireSize.Extent || extentBytes % WireSize.Extent != 0)
            return "a malformed block status";
        return extentBytes / WireSize.Extent > Limits.MaxChunkExtents ? $"a chunk of {reply.LengthBytes} bytes" : null;
    }

    /// <summary>
    /// An extent of the context that was asked for. Null if it is in order; those behind the request's end, or beyond what is kept, do not count.
    /// </summary>
    public static string? TakeExtent(RequestSlot slot, ReadOnlySpan<byte> bytes)
    {
        uint lengthBytes = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        uint flags = BinaryPrimitives.ReadUInt32BigEndian(bytes[sizeof(uint)..]);
        if (lengthBytes == 0)
            return "an extent of no bytes";
        var extent = new NbdExtent(Math.Min(lengthBytes, slot.Header.LengthBytes - slot.ReceivedBytes), flags);
        if (slot.Extent.LengthBytes == 0)
            slot.Extent = extent;
        if (extent.LengthBytes > 0 && slot.Extents is { Count: < Limits.MaxClientExtents } extents)
        {
            extents.Add(extent);
            slot.ReceivedBytes += extent.LengthBytes;
        }

        return null;
    }

    /// <summary>The request's own length bounds the sum, so that parts which lie upon one another are not taken for the whole.</summary>
    private static bool Fits(RequestSlot slot, BlockRange range) =>
        range.OffsetBytes >= 0
            && range.LengthBytes <= slot.Header.LengthBytes - slot.ReceivedBytes
            && range.OffsetBytes <= slot.Header.LengthBytes - range.LengthBytes;

    private static string? TakeError(RequestSlot slot, ReadOnlySpan<byte> payload)
    {
        if (payload.Length < WireSize.ErrorPrefix)
            return "a malformed error";
        int textBytes = BinaryPrimitives.ReadUInt16BigEndian(payload[sizeof(uint)..]);
        if (textBytes > payload.Length - WireSize.ErrorPrefix)
            return "a malformed error";
        var error = (NbdError)BinaryPrimitives.ReadUInt32BigEndian(payload);
        if (slot.Error != NbdError.None)
            return null; // The first one counts.
        slot.Error = error == NbdError.None ? NbdError.Inval : error;
        slot.ErrorText = Encoding.UTF8.GetString(payload.Slice(WireSize.ErrorPrefix, textBytes));
        return null;
    }
}
