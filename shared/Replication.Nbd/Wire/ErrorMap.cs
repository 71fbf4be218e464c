using Replication.Block;

namespace Replication.Nbd.Wire;

/// <summary>The one map between the data path's errors and the protocol's numbers.</summary>
internal static class ErrorMap
{
    private const int EACCES = 13;
    private const int EROFS = 30;
    private const int EFBIG = 27;
    private const int EDQUOT = 122;

    /// <summary>What a client is told. A number of the kernel that the protocol does not know is a failing device: EIO.</summary>
    public static NbdError ToWire(BlockException error) => error.Kind switch
    {
        BlockErrorKind.OutOfRange => OutOfRange(error.Operation),
        BlockErrorKind.ReadOnly => NbdError.Perm,
        BlockErrorKind.NotSupported => NbdError.NotSup,
        BlockErrorKind.NoSpace => NbdError.NoSpace,
        BlockErrorKind.Shutdown => NbdError.Shutdown,
        _ => FromErrno(error.Errno),
    };

    public static NbdError OutOfRange(BlockOperation operation) =>
        operation is BlockOperation.Write or BlockOperation.WriteZeroes ? NbdError.NoSpace : NbdError.Inval;

    /// <summary>
    /// What a server's number means here; an unknown one counts as EINVAL, as the protocol says. EPERM to a write says that the export is read-only, to a read
    /// that this range may not be read.
    /// </summary>
    public static (BlockErrorKind Kind, int Errno) FromWire(NbdError error, BlockOperation operation) => error switch
    {
        NbdError.Perm => (operation is BlockOperation.Read or BlockOperation.Status ? BlockErrorKind.Io : BlockErrorKind.ReadOnly, Errno.EPERM),
        NbdError.NoSpace => (BlockErrorKind.NoSpace, Errno.ENOSPC),
        NbdError.NotSup => (BlockErrorKind.NotSupported, Errno.ENOTSUP),
        NbdError.Shutdown => (BlockErrorKind.Shutdown, Errno.ESHUTDOWN),
        NbdError.Io or NbdError.NoMem or NbdError.Overflow => (BlockErrorKind.Io, (int)error),
        _ => (BlockErrorKind.Io, Errno.EINVAL),
    };

    private static NbdError FromErrno(int errno) => errno switch
    {
        Errno.EPERM or EACCES or EROFS => NbdError.Perm,
        Errno.ENOMEM => NbdError.NoMem,
        Errno.EINVAL => NbdError.Inval,
        Errno.ENOSPC or EFBIG or EDQUOT => NbdError.NoSpace,
        Errno.EOVERFLOW => NbdError.Overflow,
        Errno.ENOTSUP => NbdError.NotSup,
        Errno.ESHUTDOWN => NbdError.Shutdown,
        _ => NbdError.Io,
    };
}
