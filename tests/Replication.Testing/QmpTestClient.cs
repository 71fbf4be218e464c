using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Replication.Testing;

/// <summary>A scripted client on a real socket: sends what it is told to, and reads line by line.</summary>
public sealed class QmpTestClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _received = new byte[64 << 10];
    private int _start;
    private int _end;

    public static async Task<QmpTestClient> ConnectAsync(string path)
    {
        var client = new QmpTestClient();
        await client._socket.ConnectAsync(new UnixDomainSocketEndPoint(path)).WaitAsync(TestTimeouts.Patience);
        return client;
    }

    public async Task SendAsync(byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length;)
            sent += await _socket.SendAsync(bytes.AsMemory(sent)).AsTask().WaitAsync(TestTimeouts.Patience);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>The client has said all that it wants to, and reads on.</summary>
    public void FinishSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next line without its end; null: the server has closed the connection.</summary>
    public async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            int length = _received.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            line.Append(Encoding.UTF8.GetString(_received, _start, length < 0 ? _end - _start : length));
            if (length >= 0)
            {
                _start += length + 1;
                Assert.Equal('\r', line[^1]);
                return line.ToString(0, line.Length - 1);
            }

            (_start, _end) = (0, await ReceiveAsync());
            if (_end == 0)
                return line.Length == 0 ? null : throw new InvalidOperationException($"the connection ended within a line: {line}");
        }
    }

    public async Task<JsonObject> ReadAsync() =>
        JsonNode.Parse(await ReadLineAsync() ?? throw new InvalidOperationException("the server has closed the connection"))!.AsObject();

    /// <summary>Waits until something has come, without taking it for a line.</summary>
    public async Task ReadSomeAsync() => Assert.NotEqual(0, await ReceiveAsync());

    /// <summary>Sends one value and reads one.</summary>
    public async Task<JsonObject> AskAsync(string text)
    {
        await SendAsync(text);
        return await ReadAsync();
    }

    public void Dispose() => _socket.Dispose();

    private async Task<int> ReceiveAsync()
    {
        try
        {
            return await _socket.ReceiveAsync(_received).WaitAsync(TestTimeouts.Patience);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
