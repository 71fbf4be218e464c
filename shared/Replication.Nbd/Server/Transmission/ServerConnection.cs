using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using Replication.Block;

namespace Replication.Nbd.Server;

/// <summary>
/// A client's connection, from accept to close: this part is its life, the other parts are its receive loop, its requests and its replies.
/// </summary>
/// <remarks>
/// One thread serves the connection. It alone reads the socket and hands requests to the block node, so when that thread has left the receive loop no byte of
/// this connection can reach the node any more: revoking is telling the thread, and waiting for it and for the requests that the node still works on (invariant
/// Fence). It runs page-cache I/O inline, gathers the replies of all requests that one receive brought, and sends them with one call. Requests that the node
/// completes later are answered on whichever thread completes them, without ever blocking it: what the socket does not take is left to the connection's thread.
/// The first reason for the end wins.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The connection's thread disposes the socket when it ends.")]
internal sealed partial class ServerConnection : IExportUser, IBatchSink
{
    private static long s_lastId;

    private readonly StreamSocket _socket;
    private readonly INbdExportCatalog _catalog;
    private readonly NbdServerOptions _options;
    private readonly Action<ServerConnection> _ended;
    private readonly NbdConnectionInfo _info;
    private readonly Thread _thread;
    private readonly ChunkPool _pool;
    private readonly SendQueue _queue;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NbdExport? _attached; // The connection's thread only, as _session.
    private Session _session = null!; // Set before the transmission begins.
    private NbdCloseReason? _reason; // Interlocked; set once. No request is handed to the node after its thread has seen it.
    private long _graceEndMs = long.MaxValue; // Volatile; set when the server is being stopped: until then the client may take its replies.

    public ServerConnection(Socket socket, INbdExportCatalog catalog, NbdServerOptions options, Action<ServerConnection> ended)
    {
        long id = Interlocked.Increment(ref s_lastId);
        string peer = socket.AddressFamily == AddressFamily.Unix ? "unix" : socket.RemoteEndPoint?.ToString() ?? "?";
        _info = new NbdConnectionInfo(id, peer);
        (_catalog, _options, _ended) = (catalog, options, ended);
        _pool = options.Pool;
        _queue = new SendQueue(_pool);
        _socket = new StreamSocket(socket);
        _thread = new Thread(Run) { IsBackground = true, Name = $"nbd server {id}" };
    }

    public Task Completion => _completion.Task;

    private NbdCloseReason? Reason => Volatile.Read(ref _reason);

    private bool IsDraining => Volatile.Read(ref _graceEndMs) != long.MaxValue;

    public void Start() => _thread.Start();

    public void Revoke(NbdCloseReason reason) => End(reason);

    /// <summary>The server is being stopped: answers what is in flight, refuses what comes, and ends after <paramref name="grace"/> at the latest.</summary>
    public void Stop(TimeSpan grace)
    {
        Volatile.Write(ref _graceEndMs, Environment.TickCount64 + (long)grace.TotalMilliseconds);
        _socket.Wake();
    }

    private void End(NbdCloseReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is null)
            _socket.Wake();
    }

    private void End(NbdCloseKind kind, string message) => End(new NbdCloseReason(kind, message));

    private void Run()
    {
        try
        {
            var channel = new HandshakeChannel(
                _socket, _options.HandshakeDeadline, () => Reason?.Message ?? (IsDraining ? "the server is being stopped" : null));
            if (new ServerHandshake(channel, _catalog, Attach).Run() is not { } session)
                return;
            _session = session;
            session.Export.RaiseOpened(_info);
            Transmit();
            session.Export.RaiseClosed(_info, Reason!);
            Report(Reason!);
            Finish();
        }
        catch (HandshakeException e)
        {
            End(NbdCloseKind.Violation, e.Message);
            Report(Reason!);
        }
        finally
        {
            Close();
        }
    }

    private string? Attach(NbdExport export)
    {
        string? refusal = export.TryAttach(this);
        if (refusal is null)
            _attached = export;
        return refusal;
    }

    private void Report(NbdCloseReason reason)
    {
        if (reason.Kind is NbdCloseKind.Lost or NbdCloseKind.Violation)
            _options.Trouble?.Invoke($"NBD client {_info.Id} ({_info.Peer}){(_attached is null ? "" : $", export '{_attached.Label}'")}: {reason.Message}");
    }

    /// <summary>Waits for the requests in flight, and until the client has taken its replies, if it is still there to take them.</summary>
    private void Finish()
    {
        const int pollMs = 10; // Somebody else's send may be under way; it does not wake us at its end.
        bool delivers = Reason!.Kind is NbdCloseKind.Disconnected or NbdCloseKind.Shutdown;
        if (!delivers)
            _socket.Shutdown();
        long endMs = Math.Min(Volatile.Read(ref _graceEndMs), Environment.TickCount64 + (long)_options.ShutdownGrace.TotalMilliseconds);
        while (true)
        {
            bool blocked, quiet;
            lock (_queue.Sync)
            {
                quiet = _inFlight == 0;
                if (quiet && (_queue.IsIdle || !delivers || Environment.TickCount64 >= endMs))
                    return;
                blocked = _queue.IsBlocked && delivers;
            }

            _ = _socket.Wait(forReading: false, forWriting: blocked, quiet ? pollMs : -1);
            if (blocked)
                delivers &= _queue.Send(_socket, retry: true) != SendQueue.Outcome.Broken;
        }
    }

    private void Close()
    {
        _socket.Shutdown();
        _queue.Close();
        ReleaseInput();
        ReleaseRun();
        _socket.Dispose();
        _attached?.Detach(this);
        _ended(this);
        _completion.SetResult();
    }
}
