using System.Net.Sockets;
using Replication.Control.Options;
using Replication.Qmp;

namespace Replication.Control.Hosting;

/// <summary>The QMP door's socket, listening already; the door takes it over.</summary>
internal sealed class QmpSocket : IDisposable
{
    /// <exception cref="ConfigurationException">It cannot be listened there.</exception>
    public QmpSocket(Listen<ControlAddress> listen)
    {
        Address = listen.Address;
        try
        {
            Socket = QmpListener.Open(Address.UnixPath!);
        }
        catch (IOException e)
        {
            throw new ConfigurationException(listen.Key, e.Message, e);
        }
    }

    public ControlAddress Address { get; }

    public Socket Socket { get; }

    /// <summary>Closes the socket; its file goes with it.</summary>
    public void Dispose() => Socket.Dispose();
}
