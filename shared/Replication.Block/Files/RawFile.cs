using System.Collections.Concurrent;
using Replication.Block.Linux;

namespace Replication.Block.Files;

/// <summary>
/// A disk in a raw file, cache mode writeback: reads and writes go through the page cache on the caller's thread; flush, and zeroing of much, on a worker.
/// </summary>
/// <remarks>
/// Locks and I/O use the one descriptor, so that a restarted node cannot overtake a killed one's last requests. The success path neither throws nor allocates.
/// A failed fdatasync is final: the kernel may have dropped the pages that it could not write, so every later flush of this open file fails too rather than
/// pretend that they are safe: that ends with a restart of the node, which opens the file again. FUA is a write and a flush: waiting for the device must not
/// happen on the caller's thread.
/// </remarks>
public sealed partial class RawFile : BlockNode
{
    private const int PageBytes = 4096;

    private static readonly byte[] s_zeroes = new byte[Limits.ZeroPieceBytes];

    private readonly PosixFile _file;
    private readonly BlockingWorkers _workers;
    private readonly ConcurrentBag<RawFileJob> _jobs = [];
    private readonly KnownData _knownData = new();
    private readonly bool _readOnly;
    private readonly bool _isDevice;
    private volatile bool _cannotPunch; // learnt from the first refusal; a stale false costs one system call
    private volatile bool _cannotZero;
    private volatile int _flushErrno; // the first failed flush; never cleared

    private RawFile(string name, PosixFile file, long lengthBytes, BlockingWorkers workers, bool readOnly, bool isDevice = false)
        : base(name, lengthBytes, new NodeCapabilities(Capability.Emulated, Capability.Native, Capability.Native, Capability.Native))
    {
        _file = file;
        _workers = workers;
        _readOnly = readOnly;
        _isDevice = isDevice;
    }

    public string Path => _file.Path;

    /// <summary>Opens and locks the disk of a node: a regular file, not empty, a multiple of 512 bytes, used by nobody else.</summary>
    /// <exception cref="DiskOpenException">Where it is not.</exception>
    public static RawFile Open(string name, string path, BlockingWorkers workers)
    {
        PosixFile file = OpenFile(path, LibC.O_RDWR);
        return Guarded(file, () =>
        {
            long lengthBytes = RequireRegular(file);
            if (lengthBytes == 0)
                throw new DiskOpenException(path, "is empty");
            if (lengthBytes % 512 != 0)
                throw new DiskOpenException(path, $"its length of {lengthBytes} bytes is not a multiple of 512");
            Lock(file);
            return new RawFile(name, file, lengthBytes, workers, readOnly: false);
        });
    }

    /// <summary>Opens any regular file for reading, without a lock: for tests and tools that look at a disk in use.</summary>
    public static RawFile OpenReadOnly(string name, string path, BlockingWorkers workers)
    {
        PosixFile file = OpenFile(path, LibC.O_RDONLY);
        return Guarded(file, () => new RawFile(name, file, RequireRegular(file), workers, readOnly: true));
    }

    /// <summary>Opens and locks a file that a node keeps for itself (an overlay's data), of any length. QEMU's locks are not taken: it is no image.</summary>
    public static RawFile OpenPrivate(string name, string path, BlockingWorkers workers)
    {
        PosixFile file = OpenFile(path, LibC.O_RDWR);
        return Guarded(file, () =>
        {
            long lengthBytes = RequireRegular(file);
            LockExclusive(file);
            return new RawFile(name, file, lengthBytes, workers, readOnly: false);
        });
    }

    /// <summary>Makes such a file: new, sparse, mode 0600.</summary>
    public static RawFile CreatePrivate(string name, string path, long lengthBytes, BlockingWorkers workers)
    {
        PosixFile file = OpenFile(path, LibC.O_RDWR | LibC.O_CREAT | LibC.O_EXCL);
        return Guarded(file, () =>
        {
            LockExclusive(file);
            if (file.SetLength(lengthBytes) is var errno and not 0)
                throw new DiskOpenException(path, $"cannot be made {lengthBytes} bytes long: {LinuxErrno.Text(errno)}", errno);
            return new RawFile(name, file, lengthBytes, workers, readOnly: false);
        });
    }

    public override ValueTask DisposeAsync()
    {
        _file.Dispose();
        return base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        try
        {
            int errno = _file.Read(offsetBytes, buffer.Span);
            return errno == 0 ? default : Failed(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), errno);
        }
        catch (ObjectDisposedException e)
        {
            throw Closed(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length), e);
        }
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        if (_readOnly)
            throw ReadOnly(BlockOperation.Write, new BlockRange(offsetBytes, data.Length));
        try
        {
            int errno = _file.Write(offsetBytes, data.Span);
            return errno == 0 ? default : Failed(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), errno);
        }
        catch (ObjectDisposedException e)
        {
            throw Closed(BlockOperation.Write, new BlockRange(offsetBytes, data.Length), e);
        }
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        if (_readOnly)
            throw ReadOnly(BlockOperation.WriteZeroes, range);
        if (range.LengthBytes > Limits.ZeroInlineBytes)
            return RentJob().ZeroAsync(_workers, range, flags);
        try
        {
            return ZeroNow(range, flags) is { } error ? ValueTask.FromException(error) : default;
        }
        catch (ObjectDisposedException e)
        {
            throw Closed(BlockOperation.WriteZeroes, range, e);
        }
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => WriteZeroesCore(range, flags);

    protected override ValueTask FlushCore() => RentJob().FlushAsync(_workers);

    protected override ValueTask<Extent> StatusCore(BlockRange range)
    {
        try
        {
            if (_knownData.TryFind(range.OffsetBytes, out long knownEndBytes, out long asOf))
                return new(new Extent(Math.Min(range.EndBytes, knownEndBytes) - range.OffsetBytes, ExtentFlags.Data));
            int errno = _file.FindData(range.OffsetBytes, out long dataBytes);
            if (errno == 0 && dataBytes > range.OffsetBytes)
                return new(new Extent(Math.Min(range.EndBytes, dataBytes) - range.OffsetBytes, ExtentFlags.Hole | ExtentFlags.Zero));
            long holeBytes = range.EndBytes;
            if (errno == 0)
                errno = _file.FindHole(range.OffsetBytes, out holeBytes);
            if (errno != 0)
                throw ErrorOf(BlockOperation.Status, range, errno);
            // Punched between the two look-ups. Data is never a wrong answer, and the next question finds the hole.
            if (holeBytes == range.OffsetBytes)
                return new(new Extent(Math.Min(range.LengthBytes, PageBytes), ExtentFlags.Data));
            _knownData.Learn(BlockRange.FromBounds(range.OffsetBytes, holeBytes), asOf);
            return new(new Extent(Math.Min(range.EndBytes, holeBytes) - range.OffsetBytes, ExtentFlags.Data));
        }
        catch (ObjectDisposedException e)
        {
            throw Closed(BlockOperation.Status, range, e);
        }
    }

    internal BlockException? FlushNow()
    {
        if (_flushErrno != 0)
        {
            string reason = $"an earlier flush failed ({LinuxErrno.Text(_flushErrno)}), so none succeeds before the node is restarted";
            return Error(BlockErrorKind.Io, BlockOperation.Flush, default, reason, _flushErrno);
        }

        int errno = _file.DataSync();
        if (errno == 0)
            return null;
        _flushErrno = errno;
        return ErrorOf(BlockOperation.Flush, default, errno);
    }

    internal BlockException? ZeroNow(BlockRange range, WriteFlags flags)
    {
        int errno = Errno.ENOTSUP;
        if ((flags & WriteFlags.NoUnmap) == 0 && !_cannotPunch)
        {
            errno = _file.PunchHole(range.EndBytes == LengthBytes ? WithLastPage(range) : range);
            _cannotPunch = errno == Errno.ENOTSUP;
        }

        if (errno == Errno.ENOTSUP && !_cannotZero)
        {
            errno = _file.ZeroRange(range);
            _cannotZero = errno == Errno.ENOTSUP;
        }

        // A device of large sectors refuses what does not begin and end with one.
        if (errno == Errno.ENOTSUP || (errno == Errno.EINVAL && _isDevice))
            errno = WriteZeroPieces(range);
        _knownData.Forget(range);
        return errno == 0 ? null : ErrorOf(BlockOperation.WriteZeroes, range, errno);
    }

    // A hole that ends with the file, in the middle of a page, would leave that page where it is. The length of the file stays.
    private static BlockRange WithLastPage(BlockRange range) =>
        BlockRange.FromBounds(range.OffsetBytes, (range.EndBytes + PageBytes - 1) / PageBytes * PageBytes);

    private int WriteZeroPieces(BlockRange range)
    {
        int errno = 0;
        for (long offset = range.OffsetBytes; offset < range.EndBytes && errno == 0; offset += s_zeroes.Length)
            errno = _file.Write(offset, s_zeroes.AsSpan(0, (int)Math.Min(s_zeroes.Length, range.EndBytes - offset)));
        return errno;
    }

    private RawFileJob RentJob() => _jobs.TryTake(out RawFileJob? job) ? job : new RawFileJob(this, _jobs);

    private ValueTask Failed(BlockOperation operation, BlockRange range, int errno) => ValueTask.FromException(ErrorOf(operation, range, errno));

    private BlockException ErrorOf(BlockOperation operation, BlockRange range, int errno) =>
        Error(LinuxErrno.Kind(errno), operation, range, LinuxErrno.Text(errno), errno);

    internal BlockException Closed(BlockOperation operation, BlockRange range, ObjectDisposedException cause) =>
        Error(BlockErrorKind.Shutdown, operation, range, "the disk has been closed", inner: cause);

    private BlockException ReadOnly(BlockOperation operation, BlockRange range) => Error(BlockErrorKind.ReadOnly, operation, range, "opened read-only");

    private static PosixFile OpenFile(string path, int flags) =>
        PosixFile.Open(path, flags, out int errno) ?? throw new DiskOpenException(path, errno switch
        {
            Errno.ENOENT => "does not exist",
            Errno.EACCES or Errno.EPERM => "no permission to open it",
            LinuxErrno.EISDIR => "is a directory",
            LinuxErrno.EBUSY => "is in use: mounted, or opened by another program",
            LinuxErrno.EEXIST => "exists already",
            LinuxErrno.EROFS => "is on a read-only file system",
            _ => LinuxErrno.Text(errno),
        }, errno);

    private static RawFile Guarded(PosixFile file, Func<RawFile> open)
    {
        try
        {
            return open();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static long RequireRegular(PosixFile file)
    {
        if (file.Status(out FileStatus status) is var errno and not 0)
            throw new DiskOpenException(file.Path, LinuxErrno.Text(errno), errno);
        if (status.IsDirectory)
            throw new DiskOpenException(file.Path, "is a directory");
        return status.IsRegular ? status.LengthBytes : throw new DiskOpenException(file.Path, "is not a regular file");
    }

    private static void Lock(PosixFile file)
    {
        LockExclusive(file);
        RefuseLock(file, QemuImageLock.TakeForWriting(file));
    }

    private static void LockExclusive(PosixFile file) => RefuseLock(file, file.LockExclusive());

    private static void RefuseLock(PosixFile file, int errno)
    {
        if (errno is Errno.EAGAIN or Errno.EACCES)
            throw new DiskOpenException(file.Path, "is in use by another process", errno);
        if (errno != 0)
            throw new DiskOpenException(file.Path, $"cannot be locked: {LinuxErrno.Text(errno)}", errno);
    }
}
