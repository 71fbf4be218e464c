using System.Text.Json.Nodes;
using Replication.Nbd;

namespace Replication.Benchmarks.Contestants;

/// <summary>A QEMU without a guest: block nodes, a monitor, and an NBD server on a Unix socket.</summary>
internal sealed class QemuProcess : IAsyncDisposable
{
    public const string Program = "qemu-system-x86_64";

    private readonly RunningProcess _process;
    private readonly QmpClient _monitor;
    private readonly string _nbdSocket;

    private QemuProcess(RunningProcess process, QmpClient monitor, string nbdSocket) => (_process, _monitor, _nbdSocket) = (process, monitor, nbdSocket);

    public int ProcessId => _process.Id;

    public QmpClient Monitor => _monitor;

    public static async Task<QemuProcess> StartAsync(string name, TempDirectory directory, IEnumerable<JsonObject> nodes, CancellationToken cancellationToken)
    {
        string monitorSocket = directory[$"{name}.qmp"];
        IEnumerable<string> graph = nodes.SelectMany(node => new[] { "-blockdev", node.ToJsonString() });
        RunningProcess process = RunningProcess.Start(
            Program, ["-machine", "none", "-nodefaults", "-display", "none", "-S", "-qmp", $"unix:{monitorSocket},server=on,wait=off", .. graph]);
        try
        {
            QmpClient monitor = await QmpClient.ConnectAsync(monitorSocket, process, cancellationToken);
            var qemu = new QemuProcess(process, monitor, directory[$"{name}.nbd"]);
            var listen = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = qemu._nbdSocket } };
            await qemu.RunAsync("nbd-server-start", new JsonObject { ["addr"] = listen }, cancellationToken);
            return qemu;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public Task RunAsync(string command, JsonObject? arguments, CancellationToken cancellationToken) =>
        _monitor.RunAsync(command, arguments, cancellationToken);

    /// <summary>Offers a node under its own name.</summary>
    public Task ExportAsync(string node, CancellationToken cancellationToken) => RunAsync(
        "block-export-add",
        new JsonObject { ["type"] = "nbd", ["id"] = $"export-{node}", ["node-name"] = node, ["name"] = node, ["writable"] = true },
        cancellationToken);

    /// <summary>A node over a raw file.</summary>
    public static JsonObject Raw(string name, string path) => new() { ["driver"] = "raw", ["node-name"] = name, ["file"] = File(path) };

    /// <summary>The file below a node.</summary>
    public static JsonObject File(string path) => new() { ["driver"] = "file", ["filename"] = path };

    public NbdAddress Address(string node) => NbdAddress.Unix(_nbdSocket) with { ExportName = node };

    /// <summary>Another process's node through this one's NBD server.</summary>
    public JsonObject Remote(string node) => new()
    {
        ["driver"] = "nbd",
        ["server"] = new JsonObject { ["type"] = "unix", ["path"] = _nbdSocket },
        ["export"] = node,
    };

    public async ValueTask DisposeAsync()
    {
        _monitor.Dispose();
        await _process.DisposeAsync();
    }
}
