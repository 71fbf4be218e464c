using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Replication.Interop.Links;

/// <summary>
/// The wire between two hosts, on loopback: every TCP connection from the primary to the secondary goes
/// over it, and a test decides how fast it is and what it does to them.
/// </summary>
/// <remarks>
/// Bytes may lie in it for as long as a test wants, longer than the connection that sent them lives: they
/// arrive when the link resumes, as on a network that is slow to deliver.
/// </remarks>
internal sealed class Link : IAsyncDisposable
{
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentDictionary<LinkConnection, bool> _connections = new();
    private readonly CancellationTokenSource _end = new();
    private volatile bool _cut;

    public Link(long bytesPerSecond = 0, TimeSpan delay = default)
    {
        Forth = new LinkDirection { BytesPerSecond = bytesPerSecond, Delay = delay };
        Back = new LinkDirection { BytesPerSecond = bytesPerSecond, Delay = delay };
    }

    /// <summary>From the primary to the secondary.</summary>
    public LinkDirection Forth { get; }

    /// <summary>From the secondary to the primary.</summary>
    public LinkDirection Back { get; }

    /// <summary>A port of this machine that leads over the link to that one.</summary>
    public int LeadTo(int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        _listeners.Add(listener);
        _accepting.Add(AcceptAsync(listener, port));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <summary>Nothing arrives either way; nobody is told.</summary>
    public void Stall()
    {
        Forth.Stall();
        Back.Stall();
    }

    public void Resume()
    {
        Forth.Resume();
        Back.Resume();
    }

    /// <summary>Every connection is reset, and so is every later one until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        _cut = true;
        foreach (LinkConnection connection in _connections.Keys)
            connection.Reset();
    }

    public void Mend() => _cut = false;

    /// <summary>One way of every connection that is there now ends; new ones are whole.</summary>
    public void HalfClose(bool forth)
    {
        foreach (LinkConnection connection in _connections.Keys)
            connection.HalfClose(forth);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Cut();
        foreach (Socket listener in _listeners)
            listener.Dispose();
        await Task.WhenAll(_accepting);
        Cut();
        await Task.WhenAll(_connections.Keys.Select(connection => connection.Ended));
        _end.Dispose();
    }

    private async Task AcceptAsync(Socket listener, int port)
    {
        while (!_end.IsCancellationRequested)
        {
            Socket near;
            try
            {
                near = await listener.AcceptAsync(_end.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }

            await BeginAsync(near, port);
        }
    }

    private async Task BeginAsync(Socket near, int port)
    {
        var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (!_cut)
            {
                await far.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), _end.Token);
                var connection = new LinkConnection(near, far, Forth, Back);
                _connections.TryAdd(connection, true);
                _ = connection.Ended.ContinueWith(_ => _connections.TryRemove(connection, out bool _), TaskScheduler.Default);
                if (_cut)
                    connection.Reset();
                return;
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // Nobody listens over there: the caller is told by the reset below.
        }

        near.LingerState = new LingerOption(true, 0);
        near.Dispose();
        far.Dispose();
    }
}
