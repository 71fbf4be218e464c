using Microsoft.Win32.SafeHandles;

namespace Replication.Block.Linux;

/// <summary>An open descriptor; closed once nobody is inside a call on it any more, so a late call never meets a reused number.</summary>
internal sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    public FileDescriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    // The kernel frees the number even when close reports EINTR or a late write error, so there is nothing to try again.
    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
