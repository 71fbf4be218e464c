using System.Text.Json;
using Replication.Block;
using Replication.Block.State;
using Replication.Control.Hosting;
using Replication.Control.Tests.Options;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Control.Tests.Qmp;

/// <summary>A primary in this process, with two disks in files, its guests and its QMP door.</summary>
internal sealed class ServedNode : IAsyncDisposable
{
    public const int DiskBytes = 1 << 20;

    private readonly TaskCompletionSource _shutdown = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private readonly Task<int> _exit;

    private ServedNode()
    {
        string json = new[]
        {
            ("StateDirectory", "\"state\""), ("Control:Listen", "[\"unix:control.sock\"]"), ("Guest:Listen", "[\"nbd+unix:///?socket=guest.sock\"]"),
            ("Mirror", null), ("Peer", null), ("Qmp:Listen", "\"unix:qmp.sock\""),
            ("Disks", """[{"Name":"disk0","Path":"disk0.raw"},{"Name":"disk1","Path":"disk1.raw"}]"""),
        }.Aggregate(Samples.Primary, (sample, key) => Samples.With(sample, key.Item1, key.Item2));
        File.WriteAllText(Directory["node.json"], json);
        for (int i = 0; i < 2; i++)
        {
            byte[] content = new byte[DiskBytes];
            Array.Fill(content, (byte)(0x11 + i));
            File.WriteAllBytes(Directory[$"disk{i}.raw"], content);
        }

        _exit = Task.Run(() => NodeHost.RunAsync(NodeRole.Primary, ["--config", Directory["node.json"]], new HostSurroundings
        {
            Output = _output,
            Error = _error,
            Environment = [],
            ShutdownRequested = _shutdown.Task,
        }));
    }

    public TempDirectory Directory { get; } = new();

    public JsonElement Ready => JsonDocument.Parse(_output.ToString()).RootElement;

    public string Error => _error.ToString();

    public static async Task<ServedNode> StartAsync()
    {
        var node = new ServedNode();
        await Eventually.TrueAsync(() => node._output.ToString().EndsWith('\n') || node._exit.IsCompleted);
        Assert.False(node._exit.IsCompleted, node.Error);
        return node;
    }

    public Task<QmpScript> ConnectAsync() => QmpScript.ConnectAsync(Directory["qmp.sock"]);

    public async Task<BlockNode> GuestAsync(int disk = 0) => await NbdClient.ConnectAsync(NbdAddress.Unix(Directory["guest.sock"]), $"disk{disk}");

    /// <summary>The exit code, once somebody has asked for the end.</summary>
    public Task<int> ExitAsync() => _exit.WaitAsync(TestTimeouts.Patience);

    public Task<int> StopAsync()
    {
        _shutdown.TrySetResult();
        return ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(0, await StopAsync());
        Directory.Dispose();
    }
}
