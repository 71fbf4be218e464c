using System.Buffers.Binary;
using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>Gathers a block status reply, whole and as it goes on the wire. Neighbours of one status become one extent. Not a hot path: allocates.</summary>
internal static class StatusReply
{
    private const int PrefixBytes = WireSize.StructuredReply + sizeof(uint);

    public static async ValueTask<ReadOnlyMemory<byte>> CollectAsync(BlockNode node, BlockRange range, bool one, ulong cookie)
    {
        List<Extent> extents = [];
        for (BlockRange rest = range; !rest.IsEmpty && extents.Count < Limits.MaxStatusExtents;)
        {
            Extent extent = await node.StatusAsync(rest);
            rest = BlockRange.FromBounds(rest.OffsetBytes + extent.LengthBytes, rest.EndBytes);
            if (extents.Count > 0 && extents[^1].Flags == extent.Flags)
                extents[^1] = extents[^1] with { LengthBytes = extents[^1].LengthBytes + extent.LengthBytes };
            else if (one && extents.Count == 1)
                break;
            else
                extents.Add(extent);
        }

        return Encode(extents, cookie);
    }

    private static byte[] Encode(List<Extent> extents, ulong cookie)
    {
        byte[] bytes = new byte[PrefixBytes + (extents.Count * WireSize.Extent)];
        ReplyHeader.WriteChunk(bytes, ChunkFlags.Done, ChunkType.BlockStatus, cookie, bytes.Length - WireSize.StructuredReply);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(WireSize.StructuredReply), Session.BaseAllocationId);
        for (int i = 0; i < extents.Count; i++)
        {
            Span<byte> at = bytes.AsSpan(PrefixBytes + (i * WireSize.Extent));
            BinaryPrimitives.WriteUInt32BigEndian(at, (uint)extents[i].LengthBytes);
            BinaryPrimitives.WriteUInt32BigEndian(at[sizeof(uint)..], (uint)extents[i].Flags);
        }

        return bytes;
    }
}
