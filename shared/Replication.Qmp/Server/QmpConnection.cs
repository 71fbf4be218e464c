using System.Net.Sockets;
using Replication.Qmp.Json;

namespace Replication.Qmp.Server;

// One client: a loop that receives and one that sends. The next command begins when the answer to the one before has gone to the socket, so a client that
// asks and never reads holds up itself, with one answer in memory. A client that does not read its events is closed.
//
// The first reason for the end is the one that is told.
internal sealed class QmpConnection
{
    private readonly Socket _socket;
    private readonly QmpServerOptions _options;
    private readonly QmpSession _session;
    private readonly QmpOutput _output;
    private QmpEnding? _ending; // the first one, by compare-exchange

    public QmpConnection(long number, Socket socket, QmpCommands commands, QmpServerOptions options)
    {
        Number = number;
        _socket = socket;
        _options = options;
        _session = new QmpSession(number, commands, options);
        _output = new QmpOutput(socket);
    }

    public long Number { get; }

    /// <summary>Serves the client until it goes, is closed or the node ends; never fails.</summary>
    /// <param name="stopping">The node ends: commands are cancelled, what is written by then is sent.</param>
    public async Task<QmpEnding> RunAsync(CancellationToken stopping)
    {
        _options.Observer?.ClientConnected(Number);
        Task sending = SendAsync();
        await ReceiveAsync(stopping);
        _output.End();
        try
        {
            await sending.WaitAsync(Limits.SendGrace, _options.Time, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            Break(new QmpEnding("it does not read what is sent to it", IsFault: true));
            await sending;
        }

        _socket.Dispose();
        return _ending!;
    }

    /// <summary>Never waits. A client that has not negotiated yet gets no events.</summary>
    public void Publish(byte[] line)
    {
        if (!_output.TryAddEvent(line))
            Break(new QmpEnding($"more than {Limits.QueuedBytes >> 20} MiB of events wait for it, and it does not read them", IsFault: true));
    }

    private async Task ReceiveAsync(CancellationToken stopping)
    {
        try
        {
            await _output.SendAsync(QmpSession.Greeting(_options)).WaitAsync(stopping);
            var framer = new JsonFramer();
            byte[] buffer = new byte[Limits.ReceiveBytes];
            while (await _socket.ReceiveAsync(buffer, stopping) is > 0 and int length)
            {
                for (int at = 0; at < length && _ending is null;)
                {
                    at += framer.Feed(buffer.AsSpan(at, length - at), out JsonFrame frame);
                    if (frame.IsWhole)
                        await AnswerAsync(frame, stopping);
                }
            }

            End(new QmpEnding("it has gone"));
        }
        catch (OperationCanceledException)
        {
            End(new QmpEnding("the node ends"));
        }
        catch (SocketException e)
        {
            End(new QmpEnding(e.Message));
        }
    }

    private async Task AnswerAsync(JsonFrame frame, CancellationToken stopping)
    {
        QmpAnswer answer = await _session.AnswerAsync(frame, stopping);
        await _output.SendAsync(answer.Line, answer.EndsNegotiation).WaitAsync(stopping);
        if (answer.EndsNode)
            _options.Quit();
    }

    private async Task SendAsync()
    {
        try
        {
            await _output.RunAsync();
        }
        catch (SocketException e)
        {
            Break(new QmpEnding(e.Message));
        }
    }

    /// <summary>Both loops end by themselves; neither runs on in here, where a thread of the node may be publishing.</summary>
    private void Break(QmpEnding ending)
    {
        End(ending);
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The client was faster.
        }
    }

    private void End(QmpEnding ending) => Interlocked.CompareExchange(ref _ending, ending, null);
}
