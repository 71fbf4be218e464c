using Replication.Block.Dirty;
using Replication.Block.Locks;

namespace Replication.Block.Quorums;

/// <summary>Copies: they bring the mirror to the local disk's content, in order with guest writes.</summary>
public sealed partial class Quorum
{
    /// <summary>
    /// Brings the mirror's range to the local disk's content, in order with guest writes. Completes when
    /// the mirror has answered; returns the bytes that travelled.
    /// </summary>
    /// <param name="range">Not larger than <paramref name="buffer"/>.</param>
    /// <param name="buffer">Scratch memory of the caller's.</param>
    /// <exception cref="BlockException">The local disk could not be read, the mirror failed, or there is none.</exception>
    public async ValueTask<long> CopyAsync(BlockRange range, Memory<byte> buffer)
    {
        Invariant.Check(range.LengthBytes <= buffer.Length, "a copy fits its buffer");
        RangeLock.Ticket ticket = await _ranges.AcquireAsync(range);
        ValueTask forward;
        try
        {
            MirrorChild mirror = RequireMirror(range);
            Memory<byte> content = buffer[..(int)range.LengthBytes];
            bool hole = await HoleAsync(range) == range.LengthBytes;
            if (!hole)
                await ObservedReadAsync(_local.ReadAsync(range.OffsetBytes, content));
            forward = await EnqueueCopyAsync(mirror, range, hole ? default : content);
        }
        finally
        {
            _ranges.Release(ticket);
        }

        await forward;
        return range.LengthBytes;
    }

    /// <summary>
    /// The same for a run of marked blocks of any length: copies a hole at its beginning, or else as much as fits the
    /// buffer. Returns the bytes that travelled; the rest stays marked as it was.
    /// </summary>
    /// <param name="range">Whole blocks of the marks.</param>
    /// <param name="buffer">Scratch memory of the caller's: whole blocks.</param>
    public async ValueTask<long> CopyMarkedAsync(BlockRange range, Memory<byte> buffer)
    {
        RangeLock.Ticket ticket = await _ranges.AcquireAsync(range);
        ValueTask forward;
        BlockRange copied;
        try
        {
            MirrorChild mirror = RequireMirror(range);
            long holeBytes = await HoleAsync(range);
            // A hole that ends inside a block is that block's data.
            if (holeBytes < range.LengthBytes && _marks is { } marks)
                holeBytes -= holeBytes % marks.BlockSizeBytes;
            copied = range with { LengthBytes = holeBytes > 0 ? holeBytes : Math.Min(range.LengthBytes, buffer.Length) };
            Memory<byte> content = holeBytes > 0 ? default : buffer[..(int)copied.LengthBytes];
            if (holeBytes == 0)
                await _local.ReadAsync(copied.OffsetBytes, content);
            forward = await EnqueueCopyAsync(mirror, copied, content);
        }
        finally
        {
            _ranges.Release(ticket);
        }

        await forward;
        return copied.LengthBytes;
    }

    // Under the range lock. The mark before the copy: whoever repairs a block knows that it differs.
    private async ValueTask<ValueTask> EnqueueCopyAsync(MirrorChild mirror, BlockRange range, ReadOnlyMemory<byte> content)
    {
        DirtyMarks? marks = _marks;
        if (marks is not null)
            await marks.BeforeWriteAsync(range);
        ValueTask forward = content.IsEmpty ? mirror.Link.CopyZeroesAsync(range) : mirror.Link.CopyAsync(range.OffsetBytes, content);
        marks?.Forwarded(range);
        return forward;
    }

    private MirrorChild RequireMirror(BlockRange range) =>
        _mirror ?? throw Error(BlockErrorKind.Shutdown, BlockOperation.Write, range, "the mirror child is gone");

    // How much of the range, from its beginning, is known to read as zeroes.
    private async ValueTask<long> HoleAsync(BlockRange range)
    {
        if (_local.Capabilities.Status != Capability.Native)
            return 0;
        Extent extent = await _local.StatusAsync(range);
        return extent.Flags.HasFlag(ExtentFlags.Zero) ? extent.LengthBytes : 0;
    }
}
