using System.Net;
using System.Net.Sockets;

namespace Replication.Nbd;

/// <summary>A listening socket. It listens from construction on, so that a port in use is known before anything else happens; connections wait until a server accepts them.</summary>
public sealed class NbdListener : IDisposable
{
    private const int SolSocket = 1;
    private const int SoReuseAddr = 2;

    /// <exception cref="NbdListenException">The address is in use, unknown or not allowed.</exception>
    public NbdListener(NbdAddress address)
    {
        try
        {
            (Socket, LocalAddress) = address.IsUnix ? ListenUnix(address, address.SocketPath) : ListenTcp(address, address.Host);
        }
        catch (SocketException e)
        {
            throw new NbdListenException(address, Reason(e), e);
        }
        catch (Exception e) when (e is IOException and not NbdListenException or UnauthorizedAccessException)
        {
            throw new NbdListenException(address, e.Message, e);
        }
    }

    /// <summary>The address with its port filled in.</summary>
    public NbdAddress LocalAddress { get; }

    internal Socket Socket { get; }

    /// <summary>Closes the socket; the file of a Unix socket goes with it.</summary>
    public void Dispose() => Socket.Dispose();

    private static (Socket Socket, NbdAddress Local) ListenTcp(NbdAddress address, string host)
    {
        IPAddress ip = IPAddress.TryParse(host, out IPAddress? literal) ? literal : Resolve(host);
        var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Connections of a killed predecessor linger in the kernel. SocketOptionName.ReuseAddress would also set SO_REUSEPORT, and two
            // living processes could share the port.
            socket.SetRawSocketOption(SolSocket, SoReuseAddr, [1, 0, 0, 0]);
            socket.Bind(new IPEndPoint(ip, address.Port));
            Listen(socket);
            return (socket, address.WithPort(((IPEndPoint)socket.LocalEndPoint!).Port));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static IPAddress Resolve(string host)
    {
        IPAddress[] addresses = Dns.GetHostAddresses(host);
        return addresses.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
    }

    private static (Socket Socket, NbdAddress Local) ListenUnix(NbdAddress address, string path)
    {
        RemoveStale(address, path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            Listen(socket);
            return (socket, address);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The socket of a killed predecessor refuses connections and is replaced; a live one, or any other file, is not ours to touch.</summary>
    private static void RemoveStale(NbdAddress address, string path)
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
            if (IsSocket(path))
                File.Delete(path);
            else
                throw new NbdListenException(address, "the file exists and is no socket", e);
            return;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress or SocketError.TryAgain)
        {
            // In use, as below.
        }

        throw new NbdListenException(address, "another process listens on it");
    }

    private static bool IsSocket(string path) => Libc.IsSocket(path);

    private static void Listen(Socket socket)
    {
        socket.Listen(Limits.ListenBacklog);
        socket.Blocking = false; // The accept loop polls; see AcceptLoop.
    }

    private static string Reason(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is in use",
        SocketError.AddressNotAvailable => "this machine does not have that address",
        SocketError.AccessDenied => "permission denied",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "the host name cannot be resolved",
        _ => e.Message,
    };
}
