using Replication.Block;
using Replication.Block.Locks;
using Replication.Nbd;

namespace Replication.Jobs.Backup;

// What readers of the point in time see.
internal sealed partial class PointInTime
{
    private volatile bool _isRead; // by others than its job; never taken back

    /// <summary>
    /// The source may still be read somewhere in the range, and has to stay there as it was. What has been copied is read in the target, but by a reader who
    /// had found it in the source before: where there are readers all that is wanted counts. Once false, always false.
    /// </summary>
    public bool MayRead(BlockRange range)
    {
        if (_isBroken)
            return false;
        long end = First(range) + Count(range);
        for (long cluster = _wanted.NextSet(First(range), end); cluster < end; cluster = _wanted.NextSet(cluster + 1, end))
        {
            // In this order: a reader says so before it looks.
            if (!_done[cluster] || _isRead)
                return true;
        }

        return false;
    }

    /// <summary>Fills the buffer with what the disk held at that moment.</summary>
    /// <exception cref="BlockException">EACCES: nobody wanted the range to be kept, or the point in time is lost; or a disk has failed.</exception>
    public async ValueTask ReadAsync(string reader, long offsetBytes, Memory<byte> buffer)
    {
        NoteReader();
        var range = new BlockRange(offsetBytes, buffer.Length);
        if (await GrantedAsync(_clusters.AcquireSharedAsync(Align(range)), TimeSpan.Zero) is not { } ticket)
            throw Lost(reader, range);
        try
        {
            for (BlockRange rest = range; !rest.IsEmpty;)
            {
                (BlockRange run, BlockNode node) = Find(reader, rest);
                await node.ReadAsync(run.OffsetBytes, buffer.Slice((int)(run.OffsetBytes - offsetBytes), (int)run.LengthBytes));
                rest = BlockRange.FromBounds(run.EndBytes, range.EndBytes);
            }

            // Lost meanwhile: the guest may have changed it under the read.
            if (_isBroken)
                throw Lost(reader, range);
        }
        finally
        {
            _clusters.Release(ticket);
        }
    }

    /// <summary>
    /// Status of what <see cref="ReadAsync"/> reads. What it denies counts as data: nothing is known of it, and an error would keep a client that asks for the
    /// bitmap in the same request from the bitmap.
    /// </summary>
    /// <exception cref="BlockException">EACCES: the point in time is lost; or a disk has failed.</exception>
    public async ValueTask<Extent> StatusAsync(string reader, BlockRange range)
    {
        NoteReader();
        RangeLock.Ticket ticket = await _clusters.AcquireSharedAsync(Align(range));
        try
        {
            if (!_isBroken && DeniedBytes(range) is > 0 and long deniedBytes)
                return new Extent(deniedBytes, ExtentFlags.Data);
            (BlockRange run, BlockNode node) = Find(reader, range);
            return await node.StatusAsync(run);
        }
        finally
        {
            _clusters.Release(ticket);
        }
    }

    private void NoteReader()
    {
        if (_isRead)
            return;
        _isRead = true;
        Interlocked.MemoryBarrier();
    }

    /// <summary>The readers do not want the range any more: it is not kept, and cannot be read. Whole clusters of it.</summary>
    public async ValueTask DiscardAsync(BlockRange range)
    {
        long first = (range.OffsetBytes + _options.ClusterBytes - 1) / _options.ClusterBytes;
        long end = range.EndBytes == _source.LengthBytes ? _toCopy.LengthBits : range.EndBytes / _options.ClusterBytes;
        if (first >= end)
            return;
        BlockRange clusters = RangeOf(first, end);
        RangeLock.Ticket ticket = await _clusters.AcquireAsync(clusters);
        try
        {
            if (_isBroken)
                throw Lost(_target.Name, clusters);
            _wanted.Clear(first, end - first);
            _toCopy.Clear(first, end - first);
            _done.Clear(first, end - first);
            Free(first, end - first);
            await _target.DiscardAsync(clusters);
        }
        finally
        {
            _clusters.Release(ticket);
        }
    }

    /// <summary>
    /// Which layer holds the extent that a range begins with (<c>qemu:allocation-depth</c>): 1 is the target, 2 the source; 0: it is denied.
    /// </summary>
    /// <exception cref="BlockException">EACCES: the point in time is lost.</exception>
    public ValueTask<NbdExtent> DepthAsync(BlockRange range)
    {
        if (_isBroken)
            return ValueTask.FromException<NbdExtent>(Lost(_target.Name, range));
        long first = First(range);
        long end = first + Count(range);
        uint depth = DepthOf(first);
        long next = first + 1;
        while (next < end && DepthOf(next) == depth)
            next++;
        return new ValueTask<NbdExtent>(new NbdExtent(RangeOf(first, next).Intersect(range).LengthBytes, depth));
    }

    /// <summary>Completes when nobody reads any more who has found something before the point in time was given up.</summary>
    public async ValueTask DrainAsync()
    {
        Invariant.Check(Broken is not null, "readers are waited for when none can begin");
        _clusters.Release(await _clusters.AcquireAsync(new BlockRange(0, LengthBytes)));
    }

    private uint DepthOf(long cluster) => _done[cluster] ? 1U : _wanted[cluster] ? 2U : 0;

    /// <summary>Where the beginning of a range is, and how far it goes on like that. It stays so for as long as the caller holds the lock.</summary>
    private (BlockRange Run, BlockNode Node) Find(string reader, BlockRange range)
    {
        if (_isBroken)
            throw Lost(reader, range);
        long first = First(range);
        long end = first + Count(range);
        bool isDone = _done[first];
        if (!isDone && !_wanted[first])
            throw Denied(reader, RangeOf(first, first + 1), "nothing is kept of it");
        long next = first + 1;
        while (next < end && _done[next] == isDone && (isDone || _wanted[next]))
            next++;
        return (RangeOf(first, next).Intersect(range), isDone ? _target : _source);
    }

    /// <summary>How much from the beginning of a range on may not be read.</summary>
    private long DeniedBytes(BlockRange range)
    {
        long first = First(range);
        long end = first + Count(range);
        long next = _wanted.NextSet(first, _done.NextSet(first, end));
        return next == first ? 0 : RangeOf(first, next).Intersect(range).LengthBytes;
    }

    private BlockException Lost(string reader, BlockRange range) => Denied(reader, range, $"the point in time was given up: {Broken!.Message}");

    private static BlockException Denied(string reader, BlockRange range, string why) =>
        new(BlockErrorKind.Io, reader, BlockOperation.Read, range, why, Errno.EACCES);
}
