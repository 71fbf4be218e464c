using Replication.Block;
using Replication.Block.Locks;

namespace Replication.Jobs.Backup;

// How bytes get from the source to the target: holes as holes, zeroes as zeroes.
internal sealed partial class PointInTime
{
    /// <summary>
    /// Where the next run of clusters that are to be copied begins, at or behind an offset, and how long it is at most. Empty: there is none.
    /// </summary>
    public BlockRange Next(long offsetBytes, int mostBytes)
    {
        long from = offsetBytes / _options.ClusterBytes;
        long first = _toCopy.NextSet(from, _toCopy.LengthBits);
        if (first == _toCopy.LengthBits)
            return default;
        return RangeOf(first, _toCopy.NextClear(first, Math.Min(_toCopy.LengthBits, first + Math.Max(1, mostBytes / _options.ClusterBytes))));
    }

    /// <summary>Copies of a range what nobody has copied meanwhile. Returns how many bytes that were; whole clusters.</summary>
    /// <exception cref="BlockException">A read of the source or a write of the target failed, or the point in time is lost.</exception>
    public async ValueTask<long> CopyAsync(BlockRange clusters)
    {
        RangeLock.Ticket ticket = await _clusters.AcquireSharedAsync(clusters);
        Enter();
        try
        {
            if (Broken is { } broken)
                throw broken;
            long copiedBytes = 0;
            for (BlockRange run = Claim(clusters); !run.IsEmpty; run = Claim(clusters))
            {
                await CopyClaimedAsync(run);
                copiedBytes += run.LengthBytes;
            }

            return copiedBytes;
        }
        finally
        {
            _clusters.Release(ticket);
            Leave();
        }
    }

    private async ValueTask CopyBytesAsync(BlockRange run)
    {
        for (BlockRange rest = run; !rest.IsEmpty;)
        {
            Extent extent = await _source.StatusAsync(rest);
            BlockRange piece = rest with { LengthBytes = extent.LengthBytes };
            if (extent.Flags.HasFlag(ExtentFlags.Zero))
                await ZeroAsync(piece);
            else if (_options.Offload is not { } offload || !await offload.CopyAsync(piece))
                await CopyDataAsync(piece);
            rest = BlockRange.FromBounds(piece.EndBytes, run.EndBytes);
        }
    }

    /// <summary>
    /// What reads as zeroes there already is left as it is. Not in a part: what that does not hold itself is read from what it will be laid over.
    /// </summary>
    private async ValueTask ZeroAsync(BlockRange range)
    {
        if (_options.IsPart)
        {
            await _target.WriteZeroesAsync(range);
            return;
        }

        for (BlockRange rest = range; !rest.IsEmpty;)
        {
            Extent there = await _target.StatusAsync(rest);
            BlockRange piece = rest with { LengthBytes = there.LengthBytes };
            if (!there.Flags.HasFlag(ExtentFlags.Zero))
                await _target.WriteZeroesAsync(piece);
            rest = BlockRange.FromBounds(piece.EndBytes, range.EndBytes);
        }
    }

    private async ValueTask CopyDataAsync(BlockRange range)
    {
        byte[] buffer = _buffers.Rent();
        try
        {
            for (BlockRange rest = range; !rest.IsEmpty;)
            {
                BlockRange piece = rest with { LengthBytes = Math.Min(rest.LengthBytes, buffer.Length) };
                Memory<byte> bytes = buffer.AsMemory(0, (int)piece.LengthBytes);
                await _source.ReadAsync(piece.OffsetBytes, bytes);
                // The target detects zeroes (QEMU's detect-zeroes=unmap).
                if (bytes.Span.ContainsAnyExcept((byte)0))
                {
                    Hold(piece);
                    await _target.WriteAsync(piece.OffsetBytes, bytes);
                }
                else
                {
                    await ZeroAsync(piece);
                }

                rest = BlockRange.FromBounds(piece.EndBytes, range.EndBytes);
            }
        }
        finally
        {
            _buffers.Return(buffer);
        }
    }
}
