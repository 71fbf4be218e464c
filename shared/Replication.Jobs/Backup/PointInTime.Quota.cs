using Replication.Block;
using Replication.Block.Bitmaps;

namespace Replication.Jobs.Backup;

// How much the target holds, and may.
internal sealed partial class PointInTime
{
    private readonly BlockBitmap _held; // changed under _sync; clusters of which the target may hold data, of copies that failed too
    private bool _isHighTold; // guarded by _sync

    /// <summary>
    /// Called when the target holds three quarters of the quota; again where it has held less than a half in between. As <see cref="GivenUp"/>.
    /// </summary>
    public Action HighWater { get; set; } = () => { };

    /// <summary>What the target holds, in whole clusters; zeroes take nothing.</summary>
    public long HeldBytes => _held.Count * _options.ClusterBytes;

    /// <summary>Data is about to be written to the target.</summary>
    /// <exception cref="BlockException">There is no room: the point in time is given up.</exception>
    private void Hold(BlockRange data)
    {
        bool isFull;
        bool isHigh = false;
        lock (_sync)
        {
            long added = Clear(First(data), First(data) + Count(data));
            isFull = _options.QuotaBytes > 0 && (_held.Count + added) * _options.ClusterBytes > _options.QuotaBytes;
            if (!isFull)
            {
                _held.Set(First(data), Count(data));
                isHigh = _options.QuotaBytes > 0 && !_isHighTold && HeldBytes >= _options.QuotaBytes / 4 * 3;
                _isHighTold |= isHigh;
            }
        }

        if (isFull)
        {
            var failure = new BlockException(
                BlockErrorKind.NoSpace, _target.Name, BlockOperation.Write, data, $"the quota of {_options.QuotaBytes} bytes of old content is used up");
            Break(failure);
            throw failure;
        }

        if (isHigh)
            HighWater();
    }

    /// <summary>The target holds nothing of these clusters any more.</summary>
    private void Free(long first, long count)
    {
        lock (_sync)
        {
            _held.Clear(first, count);
            _isHighTold &= HeldBytes >= _options.QuotaBytes / 2;
        }
    }

    /// <summary>How many of these clusters hold nothing yet.</summary>
    private long Clear(long first, long end)
    {
        long clear = 0;
        for (long cluster = _held.NextClear(first, end); cluster < end; cluster = _held.NextClear(cluster + 1, end))
            clear++;
        return clear;
    }
}
