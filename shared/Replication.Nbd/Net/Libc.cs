using System.Runtime.InteropServices;

namespace Replication.Nbd;

/// <summary>The system calls that .NET's sockets do not offer in the form that the data path needs.</summary>
internal static unsafe partial class Libc
{
    private const int AtFdCwd = -100;
    private const uint StatxType = 1;
    private const int StatxModeOffset = 28;
    private const int ModeTypeMask = 0xF000;
    private const int ModeSocket = 0xC000;

    public static bool IsSocket(string path)
    {
        byte* status = stackalloc byte[256];
        return statx(AtFdCwd, path, 0, StatxType, status) == 0 && (*(ushort*)(status + StatxModeOffset) & ModeTypeMask) == ModeSocket;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int statx(int directory, string path, int flags, uint mask, byte* status);
}
