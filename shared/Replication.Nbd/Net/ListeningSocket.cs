using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Replication.Nbd;

/// <summary>
/// Opens sockets that listen at once, so that an address in use is known before anything else happens; connections wait until somebody accepts them.
/// </summary>
public static class ListeningSocket
{
    private const int SolSocket = 1;
    private const int SoReuseAddr = 2;

    /// <param name="host">Address or name; a name's first IPv4 address is taken.</param>
    /// <param name="port">0 asks for a free one.</param>
    /// <exception cref="SocketException">See <see cref="Explain"/>.</exception>
    public static Socket Tcp(string host, int port)
    {
        IPAddress ip = IPAddress.TryParse(host, out IPAddress? literal) ? literal : Resolve(host);
        var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Connections of a killed predecessor linger in the kernel. SocketOptionName.ReuseAddress would also set SO_REUSEPORT, and two
            // living processes could share the port.
            socket.SetRawSocketOption(SolSocket, SoReuseAddr, [1, 0, 0, 0]);
            socket.Bind(new IPEndPoint(ip, port));
            socket.Listen(Limits.ListenBacklog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A Unix socket; the file that a killed predecessor left is replaced. Closing the socket removes its file.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="mode">Who may connect, from the first moment on; null: as the umask says.</param>
    /// <exception cref="IOException">The path belongs to somebody else; see <see cref="Explain"/>.</exception>
    /// <exception cref="SocketException">See <see cref="Explain"/>.</exception>
    public static Socket Unix(string path, UnixFileMode? mode = null)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } directory && !Directory.Exists(directory))
            throw new IOException($"there is no directory {directory}");
        RemoveStale(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (mode is { } bits)
                Restrict(socket, bits);
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(Limits.ListenBacklog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The reason of such a failure in a few words.</summary>
    public static string Explain(Exception failure) => failure is not SocketException e ? failure.Message : e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is in use",
        SocketError.AddressNotAvailable => "this machine does not have that address",
        SocketError.AccessDenied => "permission denied",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "the host name cannot be resolved",
        _ => e.Message,
    };

    /// <summary>The file is made with the mode that the socket has: after <c>bind</c> it would be too late, somebody could have connected.</summary>
    private static void Restrict(Socket socket, UnixFileMode mode)
    {
        using var handle = new SafeFileHandle(socket.Handle, ownsHandle: false);
        File.SetUnixFileMode(handle, mode);
    }

    private static IPAddress Resolve(string host)
    {
        IPAddress[] addresses = Dns.GetHostAddresses(host);
        return addresses.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
    }

    /// <summary>The socket of a killed predecessor refuses connections and is replaced; a live one, or any other file, is not ours to touch.</summary>
    private static void RemoveStale(string path)
    {
        if (!File.Exists(path))
            return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Blocking = false; // A live listener whose backlog is full must not hold us up: it counts as in use.
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if (!Libc.IsSocket(path))
                throw new IOException("the file exists and is no socket", e);
            File.Delete(path);
            return;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress or SocketError.TryAgain)
        {
            // In use, as below.
        }

        throw new IOException("another process listens on it");
    }
}
