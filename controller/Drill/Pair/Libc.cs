using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Replication.Controller.Drill.Pair;

internal static partial class Libc
{
    public const int SIGTERM = 15;
    public const int SIGCONT = 18;
    public const int SIGSTOP = 19;
    private const int O_RDONLY = 0;
    private const int O_CLOEXEC = 0x80000;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int processId, int signal);

    /// <summary>Opens a file that another process has locked: .NET's own way in takes a shared flock, which a node's disk refuses.</summary>
    public static FileStream OpenLocked(string path)
    {
        int descriptor = Open(path, O_RDONLY | O_CLOEXEC, 0);
        if (descriptor < 0)
            throw new IOException($"{path} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        return new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Read, bufferSize: 0);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);
}
