using System.Runtime.InteropServices;
using static Replication.Block.Linux.LibC;

namespace Replication.Block.Linux;

/// <summary>
/// One open file. All of its I/O and all of its locks go through the one descriptor, so a lock cannot outlive or precede the requests that it guards.
/// </summary>
/// <remarks>Operations return 0 or the error number: the hot path neither throws nor allocates. EINTR and short transfers are dealt with here.</remarks>
internal sealed unsafe class PosixFile : IDisposable
{
    private readonly FileDescriptor _descriptor;

    private PosixFile(string path, FileDescriptor descriptor)
    {
        Path = path;
        _descriptor = descriptor;
    }

    public string Path { get; }

    /// <summary>Opens <paramref name="path"/> with O_CLOEXEC; null and the error number where that fails. New files get <paramref name="mode"/>.</summary>
    public static PosixFile? Open(string path, int flags, out int errno, uint mode = 0x180 /* 0600 */)
    {
        int descriptor;
        do
            descriptor = LibC.Open(path, flags | O_CLOEXEC, mode);
        while (descriptor < 0 && (errno = LastError) == Errno.EINTR);
        errno = descriptor < 0 ? LastError : 0;
        return descriptor < 0 ? null : new PosixFile(path, new FileDescriptor(descriptor));
    }

    /// <summary>Fills <paramref name="buffer"/>. A file that ends before is an EIO: somebody has shortened it under us.</summary>
    public int Read(long offsetBytes, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            for (int done = 0; done < buffer.Length;)
            {
                nint n = Pread(_descriptor, start + done, (nuint)(buffer.Length - done), offsetBytes + done);
                if (n > 0)
                    done += (int)n;
                else if (n == 0)
                    return Errno.EIO;
                else if (LastError is var errno and not Errno.EINTR)
                    return errno;
            }
        }

        return 0;
    }

    public int Write(long offsetBytes, ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
        {
            for (int done = 0; done < data.Length;)
            {
                nint n = Pwrite(_descriptor, start + done, (nuint)(data.Length - done), offsetBytes + done);
                if (n > 0)
                    done += (int)n;
                else if (n == 0)
                    return Errno.ENOSPC;
                else if (LastError is var errno and not Errno.EINTR)
                    return errno;
            }
        }

        return 0;
    }

    /// <summary>fdatasync. Not repeated on EINTR's cousins: after an error the kernel may have dropped the pages, so a second success would be a lie.</summary>
    public int DataSync()
    {
        while (Fdatasync(_descriptor) < 0)
        {
            if (LastError is var errno and not Errno.EINTR)
                return errno;
        }

        return 0;
    }

    /// <summary>fsync: of a directory, makes its entries durable.</summary>
    public int Sync()
    {
        while (Fsync(_descriptor) < 0)
        {
            if (LastError is var errno and not Errno.EINTR)
                return errno;
        }

        return 0;
    }

    public int SetLength(long lengthBytes)
    {
        while (Ftruncate(_descriptor, lengthBytes) < 0)
        {
            if (LastError is var errno and not Errno.EINTR)
                return errno;
        }

        return 0;
    }

    /// <summary>fallocate with <paramref name="mode"/>; ENOTSUP where the file system has no such thing.</summary>
    public int Allocate(int mode, BlockRange range)
    {
        while (Fallocate(_descriptor, mode, range.OffsetBytes, range.LengthBytes) < 0)
        {
            if (LastError is var errno and not Errno.EINTR)
                return errno;
        }

        return 0;
    }

    public int PunchHole(BlockRange range) => Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range);

    /// <summary>Zeroes that stay allocated.</summary>
    public int ZeroRange(BlockRange range) => Allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, range);

    /// <summary>
    /// Copies a range to the same place of another file, inside the kernel; 0, or the error number. A source that ends before is an EIO.
    /// </summary>
    public int CopyTo(PosixFile target, BlockRange range)
    {
        for (long done = 0; done < range.LengthBytes;)
        {
            long sourceOffset = range.OffsetBytes + done;
            long targetOffset = sourceOffset;
            nint n = CopyFileRange(_descriptor, &sourceOffset, target._descriptor, &targetOffset, (nuint)(range.LengthBytes - done), 0);
            if (n > 0)
                done += n;
            else if (n == 0)
                return Errno.EIO;
            else if (LastError is var errno and not Errno.EINTR)
                return errno;
        }

        return 0;
    }

    /// <summary>Where the file is, without links, as the kernel sees it; null where that is not known.</summary>
    public string? FindPath() => new FileInfo($"/proc/self/fd/{_descriptor.DangerousGetHandle()}").LinkTarget;

    /// <summary>Length of a file or of a block device, for which <see cref="Status"/> tells none.</summary>
    public int FindEnd(out long lengthBytes) => Seek(0, SEEK_END, out lengthBytes);

    /// <summary>The first byte of data at or behind <paramref name="offsetBytes"/>; <see cref="long.MaxValue"/> where only a hole is left.</summary>
    public int FindData(long offsetBytes, out long dataBytes) => Seek(offsetBytes, SEEK_DATA, out dataBytes);

    /// <summary>The first byte of a hole at or behind <paramref name="offsetBytes"/>; the end of the file counts as one.</summary>
    public int FindHole(long offsetBytes, out long holeBytes) => Seek(offsetBytes, SEEK_HOLE, out holeBytes);

    public int Status(out FileStatus status)
    {
        Statx64 result;
        int failed = Statx(_descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &result);
        status = failed < 0
            ? default
            : new FileStatus(result.Mode & S_IFMT, (long)result.Size, ((ulong)result.DeviceMajor << 32) | result.DeviceMinor, result.Inode);
        return failed < 0 ? LastError : 0;
    }

    /// <summary>flock LOCK_EX without waiting: EAGAIN where another open file description has it.</summary>
    public int LockExclusive() => Flock(_descriptor, LOCK_EX | LOCK_NB) < 0 ? LastError : 0;

    /// <summary>Takes a shared lock (of this open file description) on one byte.</summary>
    public int LockByteShared(long offsetBytes)
    {
        var request = new Flock64 { Type = F_RDLCK, Start = offsetBytes, Length = 1 };
        return Fcntl(_descriptor, F_OFD_SETLK, &request) < 0 ? LastError : 0;
    }

    /// <summary>Whether another open file description holds any lock on that byte.</summary>
    public int IsByteLocked(long offsetBytes, out bool locked)
    {
        var request = new Flock64 { Type = F_WRLCK, Start = offsetBytes, Length = 1 };
        int failed = Fcntl(_descriptor, F_OFD_GETLK, &request);
        locked = failed == 0 && request.Type != F_UNLCK;
        return failed < 0 ? LastError : 0;
    }

    public void Dispose() => _descriptor.Dispose();

    private int Seek(long offsetBytes, int whence, out long foundBytes)
    {
        foundBytes = Lseek(_descriptor, offsetBytes, whence);
        if (foundBytes >= 0)
            return 0;
        foundBytes = long.MaxValue;
        return LastError is var errno and not LinuxErrno.ENXIO ? errno : 0;
    }

    private static int LastError => Marshal.GetLastPInvokeError();
}
