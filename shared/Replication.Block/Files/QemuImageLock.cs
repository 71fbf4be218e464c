using Replication.Block.Linux;

namespace Replication.Block.Files;

/// <summary>
/// The byte locks with which QEMU's programs keep each other off an image, so that qemu-img, qemu-nbd and
/// a VM see a disk that a node has open, and a node sees theirs.
/// </summary>
/// <remarks>
/// Who uses a permission holds a shared lock on byte 100 + permission; who does not let others use it holds one on byte 200 + permission. Everybody first takes
/// their own locks and then looks whether somebody else's contradict them; of two that come at once at least one is refused. The locks belong to the open file
/// description and go with it, also at kill -9.
/// </remarks>
internal static class QemuImageLock
{
    private const long UsedBytes = 100;
    private const long UnsharedBytes = 200;

    private const int ConsistentRead = 0;
    private const int Write = 1;
    private const int Resize = 3;

    // The bits between are QEMU's "write unchanged", which harms nobody.
    private static readonly int[] s_used = [ConsistentRead, Write, Resize];
    private static readonly int[] s_unshared = [Write, Resize];

    /// <summary>0; EAGAIN where a QEMU program uses the image; or the error of the call.</summary>
    public static int TakeForWriting(PosixFile file)
    {
        foreach (int permission in s_used)
        {
            if (file.LockByteShared(UsedBytes + permission) is var errno and not 0)
                return errno;
        }

        foreach (int permission in s_unshared)
        {
            if (file.LockByteShared(UnsharedBytes + permission) is var errno and not 0)
                return errno;
        }

        foreach (int permission in s_used)
        {
            if (Conflict(file, UnsharedBytes + permission) is var errno and not 0)
                return errno;
        }

        foreach (int permission in s_unshared)
        {
            if (Conflict(file, UsedBytes + permission) is var errno and not 0)
                return errno;
        }

        return 0;
    }

    private static int Conflict(PosixFile file, long offsetBytes)
    {
        int errno = file.IsByteLocked(offsetBytes, out bool locked);
        return errno == 0 && locked ? Errno.EAGAIN : errno;
    }
}
