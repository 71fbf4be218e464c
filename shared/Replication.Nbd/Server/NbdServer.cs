using System.Net.Sockets;
using Replication.Nbd.Server;

namespace Replication.Nbd;

/// <summary>An NBD server over one or more listeners and one catalog; it owns the listeners. Each connection has a thread of its own.</summary>
public sealed class NbdServer : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly List<ServerConnection> _connections = []; // Guarded by _lock.
    private readonly AcceptLoop[] _accepts;
    private readonly INbdExportCatalog _catalog;
    private readonly NbdServerOptions _options;
    private bool _isStopped; // Guarded by _lock.

    public NbdServer(IReadOnlyList<NbdListener> listeners, INbdExportCatalog catalog, NbdServerOptions? options = null)
    {
        _catalog = catalog;
        _options = options ?? new NbdServerOptions();
        _accepts = [.. listeners.Select(listener => new AcceptLoop(listener, Accepted))];
    }

    /// <summary>Begins to accept.</summary>
    public void Start()
    {
        foreach (AcceptLoop accept in _accepts)
            accept.Start();
    }

    /// <summary>
    /// Stops accepting. With <paramref name="drain"/> requests in flight are answered and those that still come get ESHUTDOWN, for at most
    /// <see cref="NbdServerOptions.ShutdownGrace"/>; then every connection is closed. Returns when no request is in flight any more.
    /// </summary>
    public Task StopAsync(bool drain = true)
    {
        ServerConnection[] connections;
        lock (_lock)
        {
            _isStopped = true;
            connections = [.. _connections];
        }

        foreach (AcceptLoop accept in _accepts)
            accept.Dispose();
        foreach (ServerConnection connection in connections)
            connection.Stop(drain ? _options.ShutdownGrace : TimeSpan.Zero);
        return Task.WhenAll(connections.Select(connection => connection.Completion));
    }

    /// <summary>Stops without waiting for clients; requests in flight end first all the same.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(drain: false);

    private void Accepted(Socket socket)
    {
        ServerConnection connection;
        lock (_lock)
        {
            if (_isStopped || _connections.Count >= _options.MaxConnections)
            {
                socket.Dispose();
                return;
            }

            try
            {
                connection = new ServerConnection(socket, _catalog, _options, Ended);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                socket.Dispose(); // Out of descriptors, or gone before we looked at it.
                return;
            }

            _connections.Add(connection);
        }

        connection.Start();
    }

    private void Ended(ServerConnection connection)
    {
        lock (_lock)
            _connections.Remove(connection);
    }
}
