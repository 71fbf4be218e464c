using System.Runtime.InteropServices;

namespace Replication.Block.Linux;

/// <summary>What error numbers of the kernel mean to us; the numbers that other projects see are in <see cref="Errno"/>.</summary>
internal static class LinuxErrno
{
    public const int ENXIO = 6;
    public const int EBUSY = 16;
    public const int EEXIST = 17;
    public const int EXDEV = 18;
    public const int EISDIR = 21;
    public const int EFBIG = 27;
    public const int EROFS = 30;
    public const int ENOSYS = 38;
    public const int EDQUOT = 122;

    public static BlockErrorKind Kind(int errno) => errno switch
    {
        Errno.ENOSPC or EDQUOT or EFBIG => BlockErrorKind.NoSpace,
        EROFS => BlockErrorKind.ReadOnly,
        _ => BlockErrorKind.Io,
    };

    /// <summary>The kernel's words for an error number, with the number.</summary>
    public static string Text(int errno) => $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";
}
