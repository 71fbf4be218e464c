using System.Collections.Concurrent;
using Replication.Testing;

namespace Replication.Qmp.Tests;

/// <summary>A door on a socket of its own, and what it has told its node.</summary>
internal sealed class QmpWorld : IQmpObserver, IAsyncDisposable
{
    private readonly TempDirectory _directory = new();

    public QmpWorld(Action<QmpCommands>? handle = null)
    {
        var commands = new QmpCommands();
        handle?.Invoke(commands);
        Server = new QmpServer(QmpListener.Open(SocketPath), commands, new QmpServerOptions
        {
            Package = "replication 0.1.0",
            Quit = () => Quit.TrySetResult(),
            Observer = this,
            Time = Time,
        });
        Server.Start();
    }

    public QmpServer Server { get; }

    public FakeTimeProvider Time { get; } = new();

    public string SocketPath => _directory["qmp.sock"];

    public TaskCompletionSource Quit { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConcurrentQueue<(long Client, string Reason, bool IsFault)> Gone { get; } = new();

    public ConcurrentQueue<(string Command, Exception Failure)> Broken { get; } = new();

    public async Task<QmpTestClient> ConnectAsync()
    {
        QmpTestClient client = await QmpTestClient.ConnectAsync(SocketPath);
        Assert.Contains("\"QMP\"", await client.ReadLineAsync(), StringComparison.Ordinal);
        return client;
    }

    public async Task<QmpTestClient> NegotiateAsync()
    {
        QmpTestClient client = await ConnectAsync();
        await client.SendAsync("""{"execute": "qmp_capabilities"}""");
        Assert.Equal("""{"return": {}}""", await client.ReadLineAsync());
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync().AsTask().WaitAsync(TestTimeouts.Patience);
        Assert.False(File.Exists(SocketPath));
        _directory.Dispose();
    }

    void IQmpObserver.ClientConnected(long client)
    {
    }

    void IQmpObserver.ClientGone(long client, string reason, bool isFault) => Gone.Enqueue((client, reason, isFault));

    void IQmpObserver.CommandBroke(long client, string command, Exception failure) => Broken.Enqueue((command, failure));
}
