using System.Globalization;
using System.Text.Json.Nodes;
using Replication.Interop.Support;

namespace Replication.Interop.Qmp;

/// <summary>A program with two disks, <c>disk0</c> and <c>disk1</c>, and a QMP socket: QEMU, or a node of ours.</summary>
internal sealed class QmpPeer : IAsyncDisposable
{
    public const int DiskBytes = 4 << 20;

    private readonly TempDirectory _directory = new();
    private RunningProcess? _qemu;
    private NodeProcess? _node;

    private QmpPeer()
    {
        for (int i = 0; i < 2; i++)
            DiskFile.Fill(DiskPath(i), DiskBytes, (byte)(0x11 + i));
    }

    public string Socket => _directory["qmp.sock"];

    public static async Task<QmpPeer> QemuAsync()
    {
        string program = Programs.Require("qemu-system-x86_64");
        var peer = new QmpPeer();
        IEnumerable<string> disks = Enumerable.Range(0, 2).SelectMany(i => new[]
        {
            "-drive", string.Create(CultureInfo.InvariantCulture, $"if=none,id=disk{i},node-name=n{i},format=raw,file={peer.DiskPath(i)}"),
        });
        peer._qemu = RunningProcess.Start(
            program, [
                "-M", "none", "-nodefaults", "-display", "none", "-chardev", $"socket,id=c,path={peer.Socket},server=on,wait=off",
                "-mon", "c,mode=control", .. disks]);
        await Eventually.TrueAsync(() => File.Exists(peer.Socket) || peer._qemu.HasExited);
        return peer;
    }

    public static async Task<QmpPeer> OursAsync(string binary)
    {
        var peer = new QmpPeer();
        var settings = new JsonObject
        {
            ["Group"] = "vm1",
            ["StateDirectory"] = "state",
            ["Control"] = new JsonObject { ["Listen"] = new JsonArray("unix:control.sock") },
            ["Guest"] = new JsonObject { ["Listen"] = new JsonArray("nbd+unix:///?socket=guest.sock") },
            ["Qmp"] = new JsonObject { ["Listen"] = "unix:qmp.sock" },
            ["Disks"] = new JsonArray(Disk(0), Disk(1)),
        };
        string file = peer._directory["node.json"];
        await File.WriteAllTextAsync(file, new JsonObject { ["Replication"] = settings }.ToJsonString());
        peer._node = await NodeProcess.StartAsync(binary, file);
        return peer;

        static JsonNode Disk(int i) => new JsonObject { ["Name"] = $"disk{i}", ["Path"] = $"disk{i}.raw" };
    }

    public string this[string name] => _directory[name];

    public string DiskPath(int disk) => _directory[$"disk{disk}.raw"];

    /// <summary>It has been asked to end.</summary>
    public Task<int> ExitAsync() => _node?.WaitForExitAsync() ?? _qemu!.WaitForExitAsync();

    public async ValueTask DisposeAsync()
    {
        if (_qemu is not null)
            await _qemu.DisposeAsync();
        if (_node is not null)
            await _node.DisposeAsync();
        _directory.Dispose();
    }
}
