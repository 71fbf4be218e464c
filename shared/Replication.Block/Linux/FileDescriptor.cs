using Microsoft.Win32.SafeHandles;

namespace Replication.Block.Linux;

/// <summary>An open descriptor; closed once nobody is inside a call on it any more, so a late call never meets a reused number.</summary>
internal sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    public FileDescriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    protected override bool ReleaseHandle()
    {
        Unlock();
        // The kernel frees the number even when close reports EINTR or a late write error, so there is nothing to try again.
        return LibC.Close((int)handle) == 0;
    }

    /// <summary>
    /// Locks would go with the last copy of the open file, and a program that is just being started has, until its exec, one of everything that this process
    /// has open: who opens the file next would find it in use by nobody. What has no lock is not changed.
    /// </summary>
    private unsafe void Unlock()
    {
        var all = new LibC.Flock64 { Type = LibC.F_UNLCK };
        _ = LibC.Fcntl((int)handle, LibC.F_OFD_SETLK, &all);
        _ = LibC.Flock((int)handle, LibC.LOCK_UN);
    }
}
