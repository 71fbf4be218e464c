namespace Replication.Block;

/// <summary>Which operation of a block node failed.</summary>
public enum BlockOperation
{
    Read,
    Write,
    WriteZeroes,
    Discard,
    Flush,
    Status,
}

/// <summary>The kinds of operating error of a block node.</summary>
public enum BlockErrorKind
{
    /// <summary>The device or the peer behind the node failed (EIO and kin; see <see cref="BlockException.Errno"/>).</summary>
    Io,

    /// <summary>No room (ENOSPC).</summary>
    NoSpace,

    /// <summary>The range does not lie within the disk.</summary>
    OutOfRange,

    /// <summary>The node does not take writes.</summary>
    ReadOnly,

    /// <summary>The node cannot do this at all (ENOTSUP).</summary>
    NotSupported,

    /// <summary>The node's stage forbids it: not started, stopped, fenced, waiting.</summary>
    Stage,

    /// <summary>The node or its connection is being shut down (ESHUTDOWN).</summary>
    Shutdown,

    /// <summary>The node gave no answer within its deadline (ETIMEDOUT).</summary>
    TimedOut,
}

/// <summary>The one exception of the data path: what failed, where, and why.</summary>
public sealed class BlockException : IOException
{
    public BlockException(BlockErrorKind kind, string node, BlockOperation operation, BlockRange range, string reason, int errno = 0, Exception? inner = null)
        : base($"{node}: {operation} at {range}: {reason}", inner)
    {
        Kind = kind;
        Node = node;
        Operation = operation;
        Range = range;
        Reason = reason;
        Errno = errno != 0 ? errno : DefaultErrno(kind);
    }

    public BlockErrorKind Kind { get; }

    /// <summary>Name of the node that failed.</summary>
    public string Node { get; }

    public BlockOperation Operation { get; }

    /// <summary>The range of the request as that node saw it.</summary>
    public BlockRange Range { get; }

    /// <summary>Why, without the node, the operation and the range that begin the message.</summary>
    public string Reason { get; }

    /// <summary>The Linux error number; EIO (5) where the kernel gave none.</summary>
    public int Errno { get; }

    private static int DefaultErrno(BlockErrorKind kind) => kind switch
    {
        BlockErrorKind.NoSpace => Block.Errno.ENOSPC,
        BlockErrorKind.OutOfRange => Block.Errno.EINVAL,
        BlockErrorKind.ReadOnly => Block.Errno.EPERM,
        BlockErrorKind.NotSupported => Block.Errno.ENOTSUP,
        BlockErrorKind.Shutdown => Block.Errno.ESHUTDOWN,
        BlockErrorKind.TimedOut => Block.Errno.ETIMEDOUT,
        _ => Block.Errno.EIO,
    };
}
