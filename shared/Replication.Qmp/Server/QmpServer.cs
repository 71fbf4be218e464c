using System.Net.Sockets;
using System.Text.Json.Nodes;
using Replication.Qmp.Json;
using Replication.Qmp.Server;

namespace Replication.Qmp;

/// <summary>The QMP door of a node: any number of clients, up to a limit, each with commands of its own order, and every event to all of them.</summary>
public sealed class QmpServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly QmpCommands _commands;
    private readonly QmpServerOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _sync = new();
    private readonly Dictionary<QmpConnection, Task> _connections = []; // guarded by _sync, which is taken before a connection's own locks
    private Task _accepting = Task.CompletedTask;
    private bool _isDisposed;
    private long _clients; // the accepting loop's

    /// <param name="listener">See <see cref="QmpListener"/>; the server's from now on.</param>
    /// <param name="commands">Not changed any more.</param>
    /// <param name="options">The rest.</param>
    public QmpServer(Socket listener, QmpCommands commands, QmpServerOptions options)
    {
        _listener = listener;
        _commands = commands;
        _options = options with { Quit = Quit };

        void Quit()
        {
            Publish(QmpEvent.Shutdown("host-qmp-quit"));
            options.Quit();
        }
    }

    /// <summary>Clients that wait already are served from now on.</summary>
    public void Start() => _accepting = Task.Run(AcceptAsync);

    /// <summary>Sends an event to every client that has negotiated. Never waits for one: any thread may call it, under any lock.</summary>
    /// <remarks>The order of the calls is the order on every connection, also with regard to the answer of a command that is under way: that follows.</remarks>
    public void Publish(QmpEvent happened)
    {
        lock (_sync)
        {
            if (_connections.Count == 0)
                return;
            byte[] line = LineOf(happened);
            foreach (QmpConnection connection in _connections.Keys)
                connection.Publish(line);
        }
    }

    /// <summary>The door closes: commands under way are cancelled and awaited, what is written for a client is sent, if the client takes it soon.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Dispose();
        Task[] connections;
        lock (_sync)
            connections = [.. _connections.Values];
        await Task.WhenAll(connections);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Serve(await _listener.AcceptAsync(_stopping.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // No descriptors or no memory just now, or a client that has gone again.
                await Task.Delay(Limits.AcceptRest, _options.Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Serve(Socket socket)
    {
        long number = ++_clients;
        lock (_sync)
        {
            if (_connections.Count < Limits.Clients)
            {
                var connection = new QmpConnection(number, socket, _commands, _options);
                // It waits for the lock at its end, so it cannot be gone before it is entered.
                _connections.Add(connection, Task.Run(() => RunAsync(connection)));
                return;
            }
        }

        _options.Observer?.ClientGone(number, $"{Limits.Clients} clients are connected already", isFault: true);
        socket.Dispose();
    }

    private async Task RunAsync(QmpConnection connection)
    {
        QmpEnding ending = await connection.RunAsync(_stopping.Token);
        lock (_sync)
            _connections.Remove(connection);
        _options.Observer?.ClientGone(connection.Number, ending.Reason, ending.IsFault);
    }

    private byte[] LineOf(QmpEvent happened)
    {
        long microseconds = _options.Time.GetUtcNow().Subtract(DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        (long seconds, long rest) = Math.DivRem(microseconds, 1_000_000);
        KeyValuePair<string, JsonNode?> timestamp = new("timestamp", new JsonObject { ["seconds"] = seconds, ["microseconds"] = rest });
        KeyValuePair<string, JsonNode?> name = new("event", happened.Name);
        return happened.Data is null ? JsonText.LineOf(timestamp, name) : JsonText.LineOf(timestamp, name, new("data", happened.Data));
    }
}
