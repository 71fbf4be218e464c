using System.Collections.Concurrent;
using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests;

/// <summary>A running server on a Unix socket and a free TCP port. Its end fails where memory was not given back.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly ChunkPool _pool = new();

    public TestServer(BlockNode node, bool readOnly = false, Func<NbdServerOptions, NbdServerOptions>? configure = null)
        : this(new NbdExport("disk0", node) { Description = "a disk", ReadOnly = readOnly }, configure)
    {
    }

    public TestServer(NbdExport export, Func<NbdServerOptions, NbdServerOptions>? configure = null, params NbdExport[] more)
    {
        Export = export;
        var options = new NbdServerOptions { Trouble = Troubles.Enqueue, Pool = _pool };
        NbdListener[] listeners = [new(NbdAddress.Unix(_directory["nbd.sock"])), new(NbdAddress.Tcp("127.0.0.1", 0))];
        (Unix, Tcp) = (listeners[0].LocalAddress, listeners[1].LocalAddress);
        Server = new NbdServer(listeners, new TestCatalog([export, .. more]), configure?.Invoke(options) ?? options);
        Server.Start();
    }

    public NbdServer Server { get; }

    public NbdExport Export { get; }

    public NbdAddress Unix { get; }

    public NbdAddress Tcp { get; }

    /// <summary>What was reported as trouble.</summary>
    public ConcurrentQueue<string> Troubles { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await Server.StopAsync(drain: false).WaitAsync(TestTimeouts.Patience);
        await Eventually.TrueAsync(() => _pool.Outstanding == 0);
        _directory.Dispose();
    }
}
