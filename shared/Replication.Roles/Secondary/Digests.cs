using System.Buffers;
using System.Numerics;
using System.Security.Cryptography;
using Replication.Block;

namespace Replication.Roles.Secondary;

/// <summary>SHA-256 of each piece of a range: what a sync compares so that equal data need not travel.</summary>
internal static class Digests
{
    public const int DigestBytes = SHA256.HashSizeInBytes;

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(BlockNode node, BlockRange range, int pieceBytes, CancellationToken cancellationToken)
    {
        if (pieceBytes is < 4096 or > 1 << 20 || !BitOperations.IsPow2(pieceBytes))
            throw new VerbException(VerbFailure.Invalid, $"a digest covers a power of two between 4096 and 1048576 bytes, not {pieceBytes}");
        if (range.OffsetBytes < 0 || range.LengthBytes is <= 0 or > 64 << 20 || range.OffsetBytes > node.LengthBytes - range.LengthBytes)
        {
            throw new VerbException(
                VerbFailure.Invalid, $"digests of {range} do not lie within the disk of {node.LengthBytes} bytes, or cover more than 64 MiB");
        }

        var digests = new byte[(range.LengthBytes + pieceBytes - 1) / pieceBytes * DigestBytes];
        byte[] piece = ArrayPool<byte>.Shared.Rent(pieceBytes);
        try
        {
            int at = 0;
            for (long offset = range.OffsetBytes; offset < range.EndBytes; offset += pieceBytes, at += DigestBytes)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int length = (int)Math.Min(pieceBytes, range.EndBytes - offset);
                await node.ReadAsync(offset, piece.AsMemory(0, length));
                SHA256.HashData(piece.AsSpan(0, length), digests.AsSpan(at, DigestBytes));
            }
        }
        catch (BlockException e)
        {
            throw new VerbException(VerbFailure.Failed, $"a disk could not be read for its digests: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        return digests;
    }

    /// <summary>The pieces of a range whose digests differ, in order.</summary>
    /// <param name="disk">The disk's name.</param>
    /// <param name="range">What the digests are of.</param>
    /// <param name="pieceBytes">What each covers.</param>
    /// <param name="ours">As they were read here.</param>
    /// <param name="theirs">As the other node has answered.</param>
    /// <exception cref="VerbException">The answer is of another length: it is none to what was asked.</exception>
    public static List<BlockRange> Differing(string disk, BlockRange range, int pieceBytes, ReadOnlyMemory<byte> ours, ReadOnlyMemory<byte> theirs)
    {
        if (theirs.Length != ours.Length)
        {
            throw new VerbException(
                VerbFailure.Failed, $"the secondary has answered {theirs.Length} bytes of digests for {range} of disk '{disk}', not {ours.Length}");
        }

        var differing = new List<BlockRange>();
        for (int i = 0; i < ours.Length / DigestBytes; i++)
        {
            long offset = range.OffsetBytes + ((long)i * pieceBytes);
            Range digest = (i * DigestBytes)..((i + 1) * DigestBytes);
            if (!ours[digest].Span.SequenceEqual(theirs[digest].Span))
                differing.Add(new BlockRange(offset, Math.Min(pieceBytes, range.EndBytes - offset)));
        }

        return differing;
    }
}
