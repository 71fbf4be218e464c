using System.Runtime.InteropServices;

namespace Replication.Nbd;

/// <summary>
/// The system calls that .NET's sockets do not offer in the form that the data path needs: without blocking, with pieces, with a way to be woken.
/// </summary>
internal static unsafe partial class Libc
{
    public const int MsgDontWait = 0x40;
    public const int MsgNoSignal = 0x4000;
    public const short PollIn = 1;
    public const short PollOut = 4;
    public const int ShutRdWr = 2;
    public const int EfdCloexecNonblock = 0x80000 | 0x800;

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

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(SafeHandle socket, byte* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(SafeHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(SafeHandle socket, byte* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendmsg(SafeHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int shutdown(SafeHandle socket, int how);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(SafeHandle file, void* buffer, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(SafeHandle file, void* buffer, nint length);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int statx(int directory, string path, int flags, uint mask, byte* status);

    /// <summary>struct pollfd</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct iovec</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Piece
    {
        public byte* Start;
        public nint LengthBytes;
    }

    /// <summary>struct msghdr of 64-bit Linux (glibc pads where musl has its own padding field; only the first part is used).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public nint NameLengthBytes;
        public Piece* Pieces;
        public nint PieceCount;
        public void* Control;
        public nint ControlLengthBytes;
        public nint Flags;
    }
}
