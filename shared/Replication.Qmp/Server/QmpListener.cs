using System.Net.Sockets;
using Replication.Nbd;

namespace Replication.Qmp;

/// <summary>Opens the door's socket. Whoever may connect may do everything to the node, so its file is the owner's alone, from its first moment on.</summary>
public static class QmpListener
{
    /// <summary>Listens at once; the file that a killed predecessor left is replaced. Closing the socket removes its file.</summary>
    /// <exception cref="IOException">It cannot be listened there; the message says where and why.</exception>
    public static Socket Open(string path)
    {
        try
        {
            return ListeningSocket.Unix(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new IOException($"QMP cannot listen on unix:{path}: {ListeningSocket.Explain(e)}", e);
        }
    }
}
