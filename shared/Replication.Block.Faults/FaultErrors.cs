namespace Replication.Block.Faults;

/// <summary>The error numbers that a rule may name, and their kinds.</summary>
internal static class FaultErrors
{
    private static readonly (string Name, int Errno, BlockErrorKind Kind)[] s_errors =
    [
        ("EIO", Errno.EIO, BlockErrorKind.Io),
        ("ENOSPC", Errno.ENOSPC, BlockErrorKind.NoSpace),
        ("EPERM", Errno.EPERM, BlockErrorKind.ReadOnly),
        ("ENOMEM", Errno.ENOMEM, BlockErrorKind.Io),
        ("EINVAL", Errno.EINVAL, BlockErrorKind.Io),
        ("ENOTSUP", Errno.ENOTSUP, BlockErrorKind.NotSupported),
        ("ESHUTDOWN", Errno.ESHUTDOWN, BlockErrorKind.Shutdown),
        ("ETIMEDOUT", Errno.ETIMEDOUT, BlockErrorKind.TimedOut),
    ];

    public static string Names => string.Join(", ", s_errors.Select(e => e.Name));

    /// <summary>The number of that name; 0 where there is none.</summary>
    public static int Number(string name) => s_errors.FirstOrDefault(e => e.Name == name).Errno;

    public static BlockErrorKind Kind(int errno) => s_errors.First(e => e.Errno == errno).Kind;
}
