using System.Net;
using System.Net.Sockets;
using Replication.Control.Options;
using Replication.Nbd;

namespace Replication.Control.Hosting;

/// <summary>A control endpoint's socket, listening already; the web server takes it over.</summary>
internal sealed class ControlListener : IDisposable
{
    /// <exception cref="ConfigurationException">The address is in use, unknown or not allowed.</exception>
    public ControlListener(Listen<ControlAddress> listen)
    {
        (string key, ControlAddress address) = listen;
        try
        {
            Socket = address.UnixPath is { } path ? ListeningSocket.Unix(path) : ListeningSocket.Tcp(address.Host!, address.Port);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(key, $"cannot listen on {address}: {ListeningSocket.Explain(e)}", e);
        }

        Address = Socket.LocalEndPoint is IPEndPoint ip ? address with { Port = ip.Port } : address;
    }

    /// <summary>The address with its port filled in.</summary>
    public ControlAddress Address { get; }

    public Socket Socket { get; }

    /// <summary>Closes the socket; the file of a Unix socket goes with it.</summary>
    public void Dispose() => Socket.Dispose();
}
