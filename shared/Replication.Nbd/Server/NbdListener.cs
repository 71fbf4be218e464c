using System.Net;
using System.Net.Sockets;

namespace Replication.Nbd;

/// <summary>
/// A listening socket. It listens from construction on, so that a port in use is known before anything
/// else happens; connections wait until a server accepts them.
/// </summary>
public sealed class NbdListener : IDisposable
{
    /// <exception cref="NbdListenException">The address is in use, unknown or not allowed.</exception>
    public NbdListener(NbdAddress address)
    {
        try
        {
            Socket = address.IsUnix ? ListeningSocket.Unix(address.SocketPath) : ListeningSocket.Tcp(address.Host, address.Port);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new NbdListenException(address, ListeningSocket.Explain(e), e);
        }

        Socket.Blocking = false; // The accept loop polls; see AcceptLoop.
        LocalAddress = address.IsUnix ? address : address.WithPort(((IPEndPoint)Socket.LocalEndPoint!).Port);
    }

    /// <summary>The address with its port filled in.</summary>
    public NbdAddress LocalAddress { get; }

    internal Socket Socket { get; }

    /// <summary>Closes the socket; the file of a Unix socket goes with it.</summary>
    public void Dispose() => Socket.Dispose();
}
