using Replication.Block.Linux;

namespace Replication.Block.Files;

/// <summary>
/// Copies from one raw file to another inside the kernel (<c>copy_file_range</c>): shared extents where the file system has them, no copy through here.
/// </summary>
/// <remarks>What it copies is not looked at for zeroes: the caller copies only what is data. Concurrent.</remarks>
public sealed class CopyOffload
{
    private readonly RawFile _source;
    private readonly RawFile _target;
    private readonly BlockingWorkers _workers;
    private volatile bool _isImpossible; // learnt from the first refusal; a stale false costs one system call

    private CopyOffload(RawFile source, RawFile target, BlockingWorkers workers) => (_source, _target, _workers) = (source, target, workers);

    /// <summary>The kernel has refused once, and is not asked again.</summary>
    public bool IsPossible => !_isImpossible;

    /// <summary>Null where the two are not both raw files.</summary>
    public static CopyOffload? Between(BlockNode source, BlockNode target, BlockingWorkers workers) =>
        source is RawFile from && target is RawFile to ? new CopyOffload(from, to, workers) : null;

    /// <summary>
    /// Copies the range on a worker. False: this pair of files cannot do that; nothing is lost, but the range has to be copied by other means.
    /// </summary>
    /// <exception cref="BlockException">The copy failed; which of the two disks is to blame the kernel does not say, so it counts as the target's.</exception>
    public async ValueTask<bool> CopyAsync(BlockRange range)
    {
        if (_isImpossible)
            return false;
        var job = new Job(this, range);
        await job.StartAsync(_workers);
        return job.IsDone;
    }

    private bool Copy(BlockRange range, out BlockException? failure)
    {
        int errno = _source.CopyTo(_target, range);
        failure = null;
        if (errno == 0)
            return true;
        if (errno is LinuxErrno.EXDEV or Errno.EINVAL or Errno.ENOTSUP or LinuxErrno.ENOSYS or Errno.EPERM)
            _isImpossible = true;
        else
            failure = new BlockException(LinuxErrno.Kind(errno), _target.Name, BlockOperation.Write, range, LinuxErrno.Text(errno), errno);
        return false;
    }

    private sealed class Job(CopyOffload offload, BlockRange range) : BlockingJob
    {
        public bool IsDone { get; private set; }

        public ValueTask StartAsync(BlockingWorkers workers) => Start(workers);

        protected override BlockException? Run()
        {
            IsDone = offload.Copy(range, out BlockException? failure);
            return failure;
        }

        protected override BlockException Closed(ObjectDisposedException cause) => offload._target.Closed(BlockOperation.Write, range, cause);

        protected override void Recycle()
        {
            // One copy, one job: beside what it copies, an object is nothing.
        }
    }
}
