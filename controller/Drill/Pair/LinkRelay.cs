using System.Net;
using System.Net.Sockets;

namespace Replication.Controller.Drill.Pair;

/// <summary>
/// A wire between the two nodes that can be cut: passes TCP connections on, and stops doing so on request.
/// </summary>
/// <remarks>
/// As on a real wire, a cut loses nothing that TCP had taken: no connection ends, bytes stay where they are, and those of a session that has long been given up
/// arrive once the wire is whole again. That is what the drill is about. Connections that are made during a cut are taken and lead nowhere until then.
/// </remarks>
internal sealed class LinkRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _target;
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _work = []; // guarded by _gate
    private TaskCompletionSource _forth = Opened(); // guarded by _gate
    private TaskCompletionSource _back = Opened(); // guarded by _gate

    public LinkRelay(IPEndPoint target)
    {
        _target = target;
        _listener.Start();
        Track(AcceptAsync());
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Nothing passes back any more, and with <paramref name="bothWays"/> nothing forth.</summary>
    public void Cut(bool bothWays)
    {
        lock (_gate)
        {
            _back = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (bothWays)
                _forth = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Heal()
    {
        lock (_gate)
        {
            _forth.TrySetResult();
            _back.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        Task[] work;
        lock (_gate)
            work = [.. _work];
        await Task.WhenAll(work);
        _ending.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private Task PassesAsync(bool forth)
    {
        lock (_gate)
            return (forth ? _forth : _back).Task.WaitAsync(_ending.Token);
    }

    private void Track(Task work)
    {
        lock (_gate)
        {
            _work.RemoveAll(t => t.IsCompleted);
            _work.Add(work);
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                Track(RelayAsync(await _listener.AcceptSocketAsync(_ending.Token)));
        }
        catch (Exception e) when (IsEnd(e))
        {
            // The drill is over.
        }
    }

    private async Task RelayAsync(Socket near)
    {
        using Socket nearSide = near;
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        try
        {
            await PassesAsync(forth: true);
            await far.ConnectAsync(_target, _ending.Token);
        }
        catch (Exception e) when (IsEnd(e))
        {
            return;
        }

        // Either direction's end is the connection's: a node that aborts one must be seen to.
        Task first = await Task.WhenAny(PumpAsync(near, far, forth: true), PumpAsync(far, near, forth: false));
        await first;
    }

    private async Task PumpAsync(Socket source, Socket target, bool forth)
    {
        byte[] buffer = new byte[Limits.RelayBytes];
        try
        {
            while (await source.ReceiveAsync(buffer, _ending.Token) is var count and > 0)
            {
                await PassesAsync(forth);
                for (int sent = 0; sent < count;)
                    sent += await target.SendAsync(buffer.AsMemory(sent, count - sent), _ending.Token);
            }

            await PassesAsync(forth);
        }
        catch (Exception e) when (IsEnd(e))
        {
            // A node has ended the connection, or was killed.
        }
    }

    private static bool IsEnd(Exception e) => e is SocketException or OperationCanceledException or ObjectDisposedException;
}
