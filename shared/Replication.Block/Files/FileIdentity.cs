using Replication.Block.Linux;

namespace Replication.Block.Files;

/// <summary>What a path leads to.</summary>
public enum FileKind
{
    Regular,
    BlockDevice,
    Directory,
    Other,
}

/// <summary>Which file a path leads to, whatever its name.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Device">The file system that has it.</param>
/// <param name="Inode">Its number there.</param>
public readonly record struct FileIdentity(FileKind Kind, ulong Device, ulong Inode)
{
    /// <summary>Looks at a path, without any right to the file itself.</summary>
    /// <param name="path">Symbolic links are followed.</param>
    /// <param name="reason">Why it cannot be told; null where there is simply no such file, or it can.</param>
    /// <returns>Null where it cannot be told.</returns>
    public static FileIdentity? Of(string path, out string? reason)
    {
        using PosixFile? file = PosixFile.Open(path, LibC.O_PATH, out int errno);
        FileStatus status = default;
        if (file is not null)
            errno = file.Status(out status);
        reason = errno is 0 or Errno.ENOENT ? null : LinuxErrno.Text(errno);
        return errno == 0 ? new FileIdentity(KindOf(status), status.Device, status.Inode) : null;
    }

    /// <summary>The path without links, of a file that exists.</summary>
    public static string Resolve(string path)
    {
        using PosixFile? file = PosixFile.Open(path, LibC.O_PATH, out _);
        return file?.FindPath() ?? Path.GetFullPath(path);
    }

    private static FileKind KindOf(FileStatus status)
    {
        if (status.IsRegular)
            return FileKind.Regular;
        if (status.IsBlockDevice)
            return FileKind.BlockDevice;
        return status.IsDirectory ? FileKind.Directory : FileKind.Other;
    }
}
