using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replication.Benchmarks.Contestants;

/// <summary>A connection to a monitor, QEMU's or one of ours: one command at a time, events are kept until somebody asks for them.</summary>
internal sealed class QmpClient : IDisposable
{
    private readonly Socket _socket;
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;
    private readonly Queue<JsonElement> _events = new();

    private QmpClient(Socket socket)
    {
        _socket = socket;
        var stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { AutoFlush = true };
    }

    /// <summary>Connects as soon as the process listens.</summary>
    public static async Task<QmpClient> ConnectAsync(string socketPath, RunningProcess process, CancellationToken cancellationToken)
    {
        const int retryMs = 10;
        const int patienceMs = 30_000;
        for (long until = Environment.TickCount64 + patienceMs; ;)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            }
            catch (SocketException) when (!process.HasExited && Environment.TickCount64 < until)
            {
                socket.Dispose();
                await Task.Delay(retryMs, cancellationToken);
                continue;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                throw new BenchException($"the monitor does not open: {process.Output.Trim()}", e);
            }

            var client = new QmpClient(socket);
            await client._reader.ReadLineAsync(cancellationToken); // The greeting.
            await client.RunAsync("qmp_capabilities", cancellationToken: cancellationToken);
            return client;
        }
    }

    /// <summary>Runs a command and returns when it has been answered.</summary>
    public async Task RunAsync(string command, JsonObject? arguments = null, CancellationToken cancellationToken = default)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
            request["arguments"] = arguments;
        await _writer.WriteLineAsync(request.ToJsonString().AsMemory(), cancellationToken);
        while (true)
        {
            JsonElement message = await ReadAsync(cancellationToken);
            if (message.TryGetProperty("error", out JsonElement error))
                throw new BenchException($"the monitor refuses {command}: {error.GetProperty("desc").GetString()}");
            if (message.TryGetProperty("return", out _))
                return;
            _events.Enqueue(message);
        }
    }

    /// <summary>The data of the next event of that name; those before it are gone.</summary>
    public async Task<JsonElement> WaitForAsync(string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (!_events.TryDequeue(out JsonElement message))
                message = await ReadAsync(cancellationToken);
            if (message.GetProperty("event").GetString() == name)
                return message.GetProperty("data");
        }
    }

    /// <summary>Drops the events that have come so far with answers.</summary>
    public void ForgetEvents() => _events.Clear();

    public void Dispose()
    {
        _writer.Dispose();
        _reader.Dispose();
        _socket.Dispose();
    }

    private async Task<JsonElement> ReadAsync(CancellationToken cancellationToken)
    {
        string line = await _reader.ReadLineAsync(cancellationToken) ?? throw new BenchException("the monitor's process has ended");
        using JsonDocument message = JsonDocument.Parse(line);
        return message.RootElement.Clone();
    }
}
