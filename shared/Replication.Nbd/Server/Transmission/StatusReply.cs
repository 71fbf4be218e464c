using System.Buffers.Binary;
using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>
/// Gathers a block status reply, whole and as it goes on the wire: a chunk for each context of the session. Neighbours of one status become one extent. Not a
/// hot path: allocates.
/// </summary>
internal static class StatusReply
{
    public static async ValueTask<ReadOnlyMemory<byte>> CollectAsync(IReadOnlyList<SessionContext> contexts, BlockRange range, bool one, ulong cookie)
    {
        int maxExtents = one ? 1 : Limits.MaxStatusExtents / contexts.Count;
        var chunks = new List<NbdExtent>[contexts.Count];
        for (int i = 0; i < chunks.Length; i++)
            chunks[i] = await CollectAsync(contexts[i].Context, range, maxExtents);
        return Encode(contexts, chunks, cookie);
    }

    /// <summary>
    /// The contexts need not end at the same place. What cannot be told ends the extents in front of it: the client that asks for it gets the error.
    /// </summary>
    private static async ValueTask<List<NbdExtent>> CollectAsync(INbdMetaContext context, BlockRange range, int maxExtents)
    {
        List<NbdExtent> extents = [];
        for (BlockRange rest = range; !rest.IsEmpty;)
        {
            NbdExtent extent;
            try
            {
                extent = await context.StatusAsync(rest);
            }
            catch (BlockException) when (extents.Count > 0)
            {
                break;
            }

            Invariant.Check(extent.LengthBytes > 0 && extent.LengthBytes <= rest.LengthBytes, "an extent lies within the range that was asked for");
            rest = BlockRange.FromBounds(rest.OffsetBytes + extent.LengthBytes, rest.EndBytes);
            if (extents.Count > 0 && extents[^1].Flags == extent.Flags)
                extents[^1] = extents[^1] with { LengthBytes = extents[^1].LengthBytes + extent.LengthBytes };
            else if (extents.Count < maxExtents)
                extents.Add(extent);
            else
                break;
        }

        return extents;
    }

    private static byte[] Encode(IReadOnlyList<SessionContext> contexts, List<NbdExtent>[] chunks, ulong cookie)
    {
        byte[] bytes = new byte[chunks.Sum(extents => WireSize.StatusChunkPrefix + (extents.Count * WireSize.Extent))];
        Span<byte> at = bytes;
        for (int i = 0; i < chunks.Length; i++)
        {
            ChunkFlags flags = i == chunks.Length - 1 ? ChunkFlags.Done : ChunkFlags.None;
            ReplyHeader.WriteChunk(at, flags, ChunkType.BlockStatus, cookie, sizeof(uint) + (chunks[i].Count * WireSize.Extent));
            BinaryPrimitives.WriteUInt32BigEndian(at[WireSize.StructuredReply..], contexts[i].Id);
            at = at[WireSize.StatusChunkPrefix..];
            foreach (NbdExtent extent in chunks[i])
            {
                BinaryPrimitives.WriteUInt32BigEndian(at, (uint)extent.LengthBytes);
                BinaryPrimitives.WriteUInt32BigEndian(at[sizeof(uint)..], extent.Flags);
                at = at[WireSize.Extent..];
            }
        }

        return bytes;
    }
}
