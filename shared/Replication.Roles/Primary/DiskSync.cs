using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Roles.Secondary;

namespace Replication.Roles.Primary;

/// <summary>
/// One pass over a disk that makes the secondary's equal, while the guest runs.
/// </summary>
/// <remarks>
/// Every guest write since the attach is forwarded, so the pass has to visit each range once, in any order. A piece is read and its forward is queued under the
/// range lock that guest writes take, so copies and writes of one range reach the secondary in the order in which they happened here. What does not have to
/// travel is found without a lock: a piece whose digest was equal at some moment after the attach differs afterwards only by writes that were forwarded. The
/// same holds for ranges that read as zeroes on both sides.
/// </remarks>
/// <param name="disk">The disk.</param>
/// <param name="attachment">The session.</param>
/// <param name="peer">Who is asked for digests.</param>
/// <param name="useDigests">What differs is found by digests; false: everything that is allocated is sent.</param>
/// <param name="pace">Called before each copy.</param>
internal sealed class DiskSync(
    PrimaryDisk disk, MirrorAttachment attachment, IReplicationPeer peer, bool useDigests, Func<long, ValueTask> pace)
{
    private readonly CopiesInFlight _copies = new(disk.Quorum.CopyAsync);

    /// <summary>Bytes that were sent, zeroing included.</summary>
    public long SentBytes => _copies.SentBytes;

    public async Task RunAsync(Action<long> advanced, CancellationToken cancellationToken)
    {
        try
        {
            for (long offset = 0; offset < disk.Quorum.LengthBytes;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var chunk = new BlockRange(offset, Math.Min(Limits.DigestCallBytes, disk.Quorum.LengthBytes - offset));
                await SyncChunkAsync(chunk, cancellationToken);
                offset = chunk.EndBytes;
                advanced(chunk.LengthBytes);
            }

            await _copies.DrainAsync(0);
        }
        catch
        {
            await _copies.SettleAsync();
            throw;
        }
    }

    private async Task SyncChunkAsync(BlockRange chunk, CancellationToken cancellationToken)
    {
        for (long offset = chunk.OffsetBytes; offset < chunk.EndBytes;)
        {
            var rest = BlockRange.FromBounds(offset, chunk.EndBytes);
            Extent local = await disk.Quorum.StatusAsync(rest);
            var extent = new BlockRange(offset, local.LengthBytes);
            if (local.Flags.HasFlag(ExtentFlags.Zero))
                await ZeroWhereNeededAsync(extent);
            else if (useDigests)
                await CopyDifferingAsync(extent, cancellationToken);
            else
                await CopyAsync(extent);
            offset = extent.EndBytes;
        }
    }

    private async Task ZeroWhereNeededAsync(BlockRange range)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            Extent remote = await attachment.AskStatusAsync(disk, BlockRange.FromBounds(offset, range.EndBytes));
            var extent = new BlockRange(offset, remote.LengthBytes);
            if (!remote.Flags.HasFlag(ExtentFlags.Zero))
                await CopyAsync(extent);
            offset = extent.EndBytes;
        }
    }

    private async Task CopyDifferingAsync(BlockRange range, CancellationToken cancellationToken)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            Extent remote = await attachment.AskStatusAsync(disk, BlockRange.FromBounds(offset, range.EndBytes));
            var extent = new BlockRange(offset, remote.LengthBytes);
            if (remote.Flags.HasFlag(ExtentFlags.Zero))
                await CopyAsync(extent);
            else
                await CompareAsync(extent, cancellationToken);
            offset = extent.EndBytes;
        }
    }

    private async Task CompareAsync(BlockRange range, CancellationToken cancellationToken)
    {
        const int Piece = Limits.DigestPieceBytes;
        ReadOnlyMemory<byte> theirs = await peer.GetDigestsAsync(attachment.Token, disk.Name, range.OffsetBytes, range.LengthBytes, Piece, cancellationToken);
        ReadOnlyMemory<byte> ours = await Digests.ReadAsync(disk.Quorum, range, Piece, cancellationToken);
        List<BlockRange> differing = Digests.Differing(disk.Name, range, Piece, ours, theirs);
        for (int i = 0; i < differing.Count;)
        {
            BlockRange run = differing[i++];
            while (i < differing.Count && differing[i].OffsetBytes == run.EndBytes)
                run = BlockRange.FromBounds(run.OffsetBytes, differing[i++].EndBytes);
            await CopyAsync(run);
        }
    }

    private async Task CopyAsync(BlockRange range)
    {
        for (long offset = range.OffsetBytes; offset < range.EndBytes;)
        {
            CopyShare share = attachment.Session.CopyShare;
            await _copies.DrainAsync(share.InFlight - 1);
            var piece = new BlockRange(offset, Math.Min(share.PieceBytes, range.EndBytes - offset));
            await pace(piece.LengthBytes);
            _copies.Begin(piece, (int)piece.LengthBytes);
            offset = piece.EndBytes;
        }
    }
}
