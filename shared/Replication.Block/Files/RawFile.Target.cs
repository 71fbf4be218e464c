using Replication.Block.Linux;

namespace Replication.Block.Files;

// What a backup writes to: images that are made anew, and block devices.
public sealed partial class RawFile
{
    /// <summary>
    /// Makes an image, a hole of that length, mode 0600, locked like a disk. A file of that name loses its content, unless somebody uses it.
    /// </summary>
    /// <param name="name">Name of the node.</param>
    /// <param name="path">Where it is made.</param>
    /// <param name="lengthBytes">Its length.</param>
    /// <param name="workers">Who waits for the device.</param>
    /// <param name="beforeChange">Called once it is certain that the file may be changed, before it is.</param>
    /// <exception cref="DiskOpenException">Where it cannot be made.</exception>
    public static RawFile CreateImage(string name, string path, long lengthBytes, BlockingWorkers workers, Action beforeChange)
    {
        PosixFile file = OpenFile(path, LibC.O_RDWR | LibC.O_CREAT);
        return Guarded(file, () =>
        {
            RequireRegular(file);
            Lock(file);
            beforeChange();
            int errno = file.SetLength(0);
            if (errno == 0)
                errno = file.SetLength(lengthBytes);
            if (errno != 0)
                throw new DiskOpenException(path, $"cannot be made {lengthBytes} bytes long: {LinuxErrno.Text(errno)}", errno);
            return new RawFile(name, file, lengthBytes, workers, readOnly: false);
        });
    }

    /// <summary>Opens and locks a block device that nobody has mounted.</summary>
    /// <exception cref="DiskOpenException">Where it is none, or in use.</exception>
    public static RawFile OpenDevice(string name, string path, BlockingWorkers workers)
    {
        // For a device O_EXCL without O_CREAT says: not while a file system or another layer of the kernel has it.
        PosixFile file = OpenFile(path, LibC.O_RDWR | LibC.O_EXCL);
        return Guarded(file, () =>
        {
            int errno = file.Status(out FileStatus status);
            if (errno == 0 && !status.IsBlockDevice)
                throw new DiskOpenException(path, "is not a block device");
            long lengthBytes = 0;
            if (errno == 0)
                errno = file.FindEnd(out lengthBytes);
            if (errno != 0)
                throw new DiskOpenException(path, LinuxErrno.Text(errno), errno);
            // O_EXCL keeps a second node out. flock is what udev looks at a device under, for a moment after every close.
            RefuseLock(file, QemuImageLock.TakeForWriting(file));
            return new RawFile(name, file, lengthBytes, workers, readOnly: false, isDevice: true);
        });
    }

    internal int CopyTo(RawFile target, BlockRange range) => _file.CopyTo(target._file, range);
}
