using System.Net.Sockets;

namespace Replication.Qmp.Server;

// What goes to one client, in order. Whoever adds never waits for the client: events are added by the node's own threads. A queue that is full refuses; what
// becomes of the client then is the connection's to say.
internal sealed class QmpOutput(Socket socket)
{
    private readonly Lock _sync = new();
    private readonly Queue<Line> _lines = new(); // guarded by _sync
    private long _queuedBytes; // guarded by _sync; with what is being sent
    private bool _takesEvents; // guarded by _sync
    private bool _isEnded; // guarded by _sync
    private TaskCompletionSource? _idle; // guarded by _sync; the sender waits for it

    private readonly record struct Line(byte[] Bytes, TaskCompletionSource? Sent);

    /// <summary>Adds an event, if the client is to have events by now.</summary>
    /// <returns>False: too much waits already.</returns>
    public bool TryAddEvent(byte[] line)
    {
        lock (_sync)
        {
            if (!_takesEvents || _isEnded)
                return true;
            if (_queuedBytes + line.Length > Limits.QueuedBytes)
                return false;
            Add(new Line(line, Sent: null));
            return true;
        }
    }

    /// <summary>Sends an answer; completes when it has gone to the socket, or never will. There is one at a time, so it needs no limit.</summary>
    /// <param name="line">It.</param>
    /// <param name="opensEvents">Every event from now on follows it.</param>
    public Task SendAsync(byte[] line, bool opensEvents = false)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_sync)
        {
            if (_isEnded)
                return Task.CompletedTask;
            Add(new Line(line, sent));
            _takesEvents |= opensEvents;
        }

        return sent.Task;
    }

    /// <summary>Sends what is added until <see cref="End"/>, and then the rest.</summary>
    /// <exception cref="SocketException">The client takes nothing any more.</exception>
    public async Task RunAsync()
    {
        try
        {
            while (await NextAsync() is { } line)
                await SendAsync(line);
        }
        finally
        {
            Drop();
        }
    }

    /// <summary>Nothing more is taken.</summary>
    public void End()
    {
        lock (_sync)
        {
            _isEnded = true;
            WakeSender();
        }
    }

    private async Task SendAsync(Line line)
    {
        try
        {
            for (int sent = 0; sent < line.Bytes.Length;)
                sent += await socket.SendAsync(line.Bytes.AsMemory(sent));
            lock (_sync)
                _queuedBytes -= line.Bytes.Length;
        }
        finally
        {
            line.Sent?.SetResult();
        }
    }

    private async Task<Line?> NextAsync()
    {
        while (true)
        {
            Task idle;
            lock (_sync)
            {
                if (_lines.TryDequeue(out Line line))
                    return line;
                if (_isEnded)
                    return null;
                _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                idle = _idle.Task;
            }

            await idle;
        }
    }

    /// <summary>Nobody sends any more: whoever waits for his answer to be sent goes on.</summary>
    private void Drop()
    {
        lock (_sync)
        {
            _isEnded = true;
            while (_lines.TryDequeue(out Line line))
                line.Sent?.SetResult();
        }
    }

    /// <summary>Call under the lock.</summary>
    private void Add(Line line)
    {
        _lines.Enqueue(line);
        _queuedBytes += line.Bytes.Length;
        WakeSender();
    }

    /// <summary>Call under the lock.</summary>
    private void WakeSender()
    {
        _idle?.SetResult();
        _idle = null;
    }
}
