using System.Text.Json.Nodes;
using Replication.Block;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Qmp;

/// <summary>A script as people write them for QEMU; it does not know who answers. What it found is compared afterwards.</summary>
internal sealed partial class BackupScript(QmpPeer peer, QmpScript door) : IAsyncDisposable
{
    private readonly List<string> _found = [];
    private readonly BlockNode?[] _guests = new BlockNode?[2];

    public IReadOnlyList<string> Found => _found;

    public async Task RunAsync()
    {
        await LookAroundAsync();
        await ServeGuestsAsync();
        await FullAsync();
        await IncrementalAsync();
        await CancelAsync();
        await StepByStepAsync();
        await FleeceAsync();
        await RefusalsAsync();
        await QuitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (BlockNode? guest in _guests)
        {
            if (guest is not null)
                await guest.DisposeAsync();
        }
    }

    private async Task LookAroundAsync()
    {
        Note("major version", (await door.RunAsync("query-version"))["qemu"]!["major"]);
        string[] commands = [.. (await door.RunAsync("query-commands")).AsArray().Select(command => command!["name"]!.ToString())];
        string[] needed =
        [
            "drive-backup", "blockdev-backup", "blockdev-add", "blockdev-del", "transaction", "block-dirty-bitmap-add", "block-dirty-bitmap-merge",
            "nbd-server-start", "nbd-server-add", "nbd-server-remove", "nbd-server-stop", "block-export-add", "block-export-del", "query-block-exports",
            "query-jobs", "query-block-jobs", "query-block", "query-named-block-nodes", "job-pause", "job-dismiss", "block-job-finalize", "quit",
        ];
        Note("missing commands", string.Join(", ", needed.Except(commands)));
        foreach (JsonNode? device in (await door.RunAsync("query-block")).AsArray())
        {
            JsonNode inserted = device!["inserted"]!;
            bool hasFile = inserted["file"]!.ToString().Length > 0;
            Note("device", $"{device["device"]} {inserted["drv"]} {inserted["ro"]} {inserted["image"]!["virtual-size"]} {hasFile}");
        }
    }

    private async Task ServeGuestsAsync()
    {
        await door.RunAsync("nbd-server-start", $$$"""{"addr": {"type": "unix", "data": {"path": "{{{peer["nbd.sock"]}}}"} } }""");
        for (int i = 0; i < 2; i++)
        {
            await door.RunAsync("nbd-server-add", $$"""{"device": "disk{{i}}", "writable": true}""");
            _guests[i] = await NbdClient.ConnectAsync(NbdAddress.Unix(peer["nbd.sock"]), $"disk{i}");
        }
    }

    /// <summary>The anchor of both chains, at one moment.</summary>
    private async Task FullAsync()
    {
        await door.RunAsync("block-dirty-bitmap-add", """{"node": "disk0", "name": "b0"}""");
        await door.RunAsync("block-dirty-bitmap-add", """{"node": "disk1", "name": "b0", "granularity": 32768}""");
        await Guest.FillAsync(_guests[0]!, 0, 4096, 0x41);
        await NoteBitmapsAsync();
        await door.RunAsync("transaction", $$$"""
            {"actions": [
                {"type": "block-dirty-bitmap-clear", "data": {"node": "disk0", "name": "b0"}},
                {"type": "block-dirty-bitmap-clear", "data": {"node": "disk1", "name": "b0"}},
                {"type": "drive-backup", "data": {"device": "disk0", "target": "{{{peer["full0.raw"]}}}", "sync": "full", "format": "raw"}},
                {"type": "drive-backup", "data": {"device": "disk1", "target": "{{{peer["full1.raw"]}}}", "sync": "full", "format": "raw"}}]}
            """);
        await NoteCompletedAsync(2);
        await NoteBitmapsAsync();
        await CompareAsync(0, peer["full0.raw"]);
        await CompareAsync(1, peer["full1.raw"]);
    }

    /// <summary>What has changed since, as images above the full ones: both or none, and finalised by hand.</summary>
    private async Task IncrementalAsync()
    {
        await Guest.FillAsync(_guests[0]!, 1 << 20, 40 << 10, 0xab);
        await Guest.FillAsync(_guests[1]!, 3 << 20, 4096, 0xfe);
        await NoteBitmapsAsync();
        for (int i = 0; i < 2; i++)
            await Command.RequireAsync("qemu-img", "create", "-q", "-f", "qcow2", "-b", peer[$"full{i}.raw"], "-F", "raw", peer[$"inc{i}.qcow2"]);
        await door.RunAsync("transaction", $$$"""
            {"properties": {"completion-mode": "grouped"}, "actions": [
                {"type": "drive-backup", "data": {"device": "disk0", "job-id": "i0", "target": "{{{peer["inc0.qcow2"]}}}", "sync": "incremental",
                    "bitmap": "b0", "mode": "existing", "format": "qcow2"}},
                {"type": "drive-backup", "data": {"device": "disk1", "job-id": "i1", "target": "{{{peer["inc1.qcow2"]}}}", "sync": "bitmap", "bitmap": "b0",
                    "bitmap-mode": "on-success", "mode": "existing", "auto-finalize": false}}]}
            """);
        Note("pending", Sorted(await door.EventAsync("BLOCK_JOB_PENDING")));
        foreach (JsonNode? job in (await door.RunAsync("query-jobs")).AsArray().OrderBy(job => job!["id"]!.ToString()))
            Note("job", $"{job!["id"]} {job["type"]} {job["status"]} {job["current-progress"]} {job["total-progress"]}");
        await door.RunAsync("block-job-finalize", """{"id": "i1"}""");
        await NoteCompletedAsync(2);
        await NoteBitmapsAsync();
        for (int i = 0; i < 2; i++)
        {
            await Command.RequireAsync("qemu-img", "check", "-q", peer[$"inc{i}.qcow2"]);
            await CompareAsync(i, peer[$"inc{i}.qcow2"]);
        }
    }

    private void Note(string what, object? value) => _found.Add($"{what}: {value}");

    /// <summary>Jobs that have ended well, in whatever order, and that are gone from the list.</summary>
    private async Task NoteCompletedAsync(int count)
    {
        List<string> ended = [];
        for (int i = 0; i < count; i++)
            ended.Add(Sorted(await door.EventAsync("BLOCK_JOB_COMPLETED")));
        Note("completed", string.Join("; ", ended.Order(StringComparer.Ordinal)));
        while ((await door.RunAsync("query-jobs")).AsArray().Count > 0)
            await Task.Delay(10);
    }

    private async Task NoteBitmapsAsync()
    {
        foreach (JsonNode? device in (await door.RunAsync("query-block")).AsArray())
        {
            foreach (JsonNode? bitmap in device!["inserted"]!["dirty-bitmaps"]!.AsArray())
                Note($"bitmap of {device["device"]}", Sorted(bitmap!.AsObject()));
        }
    }

    private async Task CompareAsync(int disk, string target)
    {
        await _guests[disk]!.FlushAsync();
        await Command.RequireAsync("qemu-img", "compare", "-U", peer.DiskPath(disk), target);
    }

    /// <summary>The order of members is nobody's promise.</summary>
    private static string Sorted(JsonObject members) =>
        string.Join(", ", members.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key} {m.Value}"));
}
