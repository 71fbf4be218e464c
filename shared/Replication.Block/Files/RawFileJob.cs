using System.Collections.Concurrent;

namespace Replication.Block.Files;

/// <summary>A flush or a long zeroing of one file, on a worker. Pooled per file: as many exist as were ever in flight at once.</summary>
internal sealed class RawFileJob(RawFile file, ConcurrentBag<RawFileJob> pool) : BlockingJob
{
    private BlockOperation _operation;
    private BlockRange _range;
    private WriteFlags _flags;

    public ValueTask FlushAsync(BlockingWorkers workers)
    {
        _operation = BlockOperation.Flush;
        return Start(workers);
    }

    public ValueTask ZeroAsync(BlockingWorkers workers, BlockRange range, WriteFlags flags)
    {
        _operation = BlockOperation.WriteZeroes;
        _range = range;
        _flags = flags;
        return Start(workers);
    }

    protected override BlockException? Run() => _operation == BlockOperation.Flush ? file.FlushNow() : file.ZeroNow(_range, _flags);

    protected override BlockException Closed(ObjectDisposedException cause) =>
        file.Closed(_operation, _operation == BlockOperation.Flush ? default : _range, cause);

    protected override void Recycle() => pool.Add(this);
}
