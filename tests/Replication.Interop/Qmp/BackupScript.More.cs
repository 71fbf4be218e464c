using System.Text.Json.Nodes;
using Replication.Interop.Support;

namespace Replication.Interop.Qmp;

// Jobs in their states, a fleece, refusals, and the end.
internal sealed partial class BackupScript
{
    private const string Slow = """ "speed": 1, "x-perf": {"max-workers": 1, "max-chunk": 65536} """;

    /// <summary>To a node, which is in use until the job has gone.</summary>
    private async Task CancelAsync()
    {
        await Command.RequireAsync("qemu-img", "create", "-q", "-f", "qcow2", peer["node.qcow2"], $"{QmpPeer.DiskBytes}");
        await door.RunAsync(
            "blockdev-add", $$$"""{"driver": "qcow2", "node-name": "t0", "file": {"driver": "file", "filename": "{{{peer["node.qcow2"]}}}"} }""");
        await door.RunAsync("blockdev-backup", $$"""{"device": "disk0", "target": "t0", "sync": "full", "job-id": "slow", {{Slow}}}""");
        await NoteRefusalAsync("blockdev-del", """{"node-name": "t0"}""");
        await NoteRefusalAsync("blockdev-backup", """{"device": "disk0", "target": "t0", "sync": "full", "job-id": "slow"}""");
        // QEMU's jobs are paused for a moment when they begin.
        door.TakeEvents();
        await door.RunAsync("job-pause", """{"id": "slow"}""");
        await door.StatusAsync("slow", "paused");
        await NoteRefusalAsync("job-pause", """{"id": "slow"}""");
        await door.RunAsync("block-job-set-speed", """{"device": "slow", "speed": 2}""");
        await NoteRefusalAsync("block-job-set-speed", """{"device": "slow", "speed": -1}""");
        JsonNode job = Assert.Single((await door.RunAsync("query-block-jobs")).AsArray())!;
        Note("paused job", $"{job["device"]} {job["type"]} {job["paused"]} {job["speed"]} {job["status"]} {job["io-status"]} {job["len"]} {job["ready"]}");
        await NoteRefusalAsync("job-complete", """{"id": "slow"}""");
        await door.RunAsync("job-resume", """{"id": "slow"}""");
        await door.RunAsync("block-job-cancel", """{"device": "slow"}""");
        JsonObject cancelled = await door.EventAsync("BLOCK_JOB_CANCELLED");
        Note("cancelled", $"{cancelled["device"]} {cancelled["type"]} {cancelled["len"]} {cancelled["speed"]}");
        await door.StatusAsync("slow", "null");
        await door.RunAsync("blockdev-del", """{"node-name": "t0"}""");
    }

    /// <summary>A life in which nothing goes by itself.</summary>
    private async Task StepByStepAsync()
    {
        await door.RunAsync("drive-backup", $$"""
            {"device": "disk1", "target": "{{peer["steps.raw"]}}", "sync": "full", "format": "raw", "auto-finalize": false, "auto-dismiss": false}
            """);
        await door.StatusAsync("disk1", "pending");
        await NoteRefusalAsync("job-dismiss", """{"id": "disk1"}""");
        await NoteRefusalAsync("job-pause", """{"id": "disk1"}""");
        await door.RunAsync("job-finalize", """{"id": "disk1"}""");
        await door.StatusAsync("disk1", "concluded");
        JsonNode job = Assert.Single((await door.RunAsync("query-block-jobs")).AsArray())!;
        Note("concluded job", $"{job["device"]} {job["status"]} {job["auto-finalize"]} {job["auto-dismiss"]} {job["offset"]}");
        await NoteRefusalAsync("job-cancel", """{"id": "disk1"}""");
        await NoteRefusalAsync("drive-backup", $$"""{"device": "disk0", "job-id": "disk1", "target": "{{peer["other.raw"]}}", "sync": "full"}""");
        await door.RunAsync("block-job-dismiss", """{"id": "disk1"}""");
        Note("jobs left", (await door.RunAsync("query-jobs")).AsArray().Count);
        await CompareAsync(1, peer["steps.raw"]);
    }

    /// <summary>A moment of a disk, for a reader, with the bitmap that says what has changed until then.</summary>
    private async Task FleeceAsync()
    {
        JsonNode disk = (await door.RunAsync("query-block")).AsArray().Single(device => device!["device"]!.ToString() == "disk0")!;
        string node = disk["inserted"]!["node-name"]!.ToString();
        await Command.RequireAsync("qemu-img", "create", "-q", "-f", "qcow2", peer["scratch.qcow2"], $"{QmpPeer.DiskBytes}");
        await Guest.FillAsync(_guests[0]!, 2 << 20, 64 << 10, 0x77);
        byte[] expected = await Guest.ReadAllAsync(_guests[0]!);
        await door.RunAsync("blockdev-add", $$$"""
            {"driver": "qcow2", "node-name": "fleece", "backing": "{{{node}}}", "file": {"driver": "file", "filename": "{{{peer["scratch.qcow2"]}}}"} }
            """);
        await door.RunAsync("transaction", $$"""
            {"actions": [
                {"type": "block-dirty-bitmap-disable", "data": {"node": "{{node}}", "name": "b0"} },
                {"type": "blockdev-backup", "data": {"device": "disk0", "target": "fleece", "sync": "none", "job-id": "j"} }]}
            """);
        await door.RunAsync("nbd-server-add", """{"device": "fleece", "bitmap": "b0"}""");
        await Guest.FillAsync(_guests[0]!, 0, 1 << 20, 0xee);
        string uri = $"nbd+unix:///fleece?socket={peer["nbd.sock"]}";
        Note("map of the bitmap", await Command.RequireAsync("nbdinfo", "--map=qemu:dirty-bitmap:b0", uri));
        await Command.RequireAsync("nbdcopy", uri, peer["copied.raw"]);
        BlockAssert.Equal(expected, DiskFile.Read(peer["copied.raw"]), 0);
        await NoteRefusalAsync("block-dirty-bitmap-clear", """{"node": "disk0", "name": "b0"}""");
        await door.RunAsync("nbd-server-remove", """{"name": "fleece", "mode": "hard"}""");
        await door.EventAsync("BLOCK_EXPORT_DELETED");
        await door.RunAsync("block-job-cancel", """{"device": "j"}""");
        await door.StatusAsync("j", "null");
        await door.RunAsync("blockdev-del", """{"node-name": "fleece"}""");
        await door.RunAsync("block-dirty-bitmap-enable", $$"""{"node": "{{node}}", "name": "b0"}""");
        await NoteBitmapsAsync();
    }

    private async Task RefusalsAsync()
    {
        string there = peer["full0.raw"];
        foreach ((string command, string arguments) in new[]
        {
            ("no-such-command", "{}"),
            ("block-job-cancel", """{"device": "nobody"}"""),
            ("block-job-set-speed", """{"device": "nobody", "speed": 0}"""),
            ("block-job-finalize", """{"id": "nobody"}"""),
            ("job-cancel", """{"id": "nobody"}"""),
            ("job-dismiss", """{"id": "nobody"}"""),
            ("blockdev-del", """{"node-name": "nobody"}"""),
            ("blockdev-add", """{"driver": "file", "node-name": "f", "filename": "/no/such/file"}"""),
            ("blockdev-add", """{"driver": "raw", "node-name": "r", "file": "nobody"}"""),
            ("nbd-server-add", """{"device": "disk0"}"""),
            ("nbd-server-remove", """{"name": "nobody"}"""),
            ("block-export-del", """{"id": "nobody"}"""),
            ("block-dirty-bitmap-add", """{"node": "disk0", "name": "b0"}"""),
            ("block-dirty-bitmap-add", """{"node": "disk0", "name": "b1", "granularity": 64000}"""),
            ("block-dirty-bitmap-remove", """{"node": "disk0", "name": "b1"}"""),
            ("block-dirty-bitmap-merge", """{"node": "disk0", "target": "b0", "bitmaps": ["b1"]}"""),
            ("drive-backup", """{"device": "disk0"}"""),
            ("drive-backup", """{"device": "disk0", "target": 1, "sync": "full"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "most"}"""),
            ("drive-backup", """{"device": "disk0", "target": "/no/such/file", "sync": "full", "mode": "existing"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "full", "format": "no-such-format"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "incremental", "format": "raw"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "incremental", "bitmap": "b1", "format": "raw"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "bitmap", "bitmap": "b0", "format": "raw"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "none", "bitmap": "b0", "bitmap-mode": "always", "format": "raw"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "full", "bitmap-mode": "always", "format": "raw"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "full", "mode": "existing", "format": "raw", "speed": -1}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "full", "mode": "existing", "format": "raw", "job-id": "1"}"""),
            ("drive-backup", """{"device": "disk0", "target": "THERE", "sync": "full", "mode": "existing", "format": "raw", "compress": true}"""),
            ("transaction", """{"actions": [{"type": "no-such-action", "data": {}}]}"""),
            ("transaction", """{"actions": [{"type": "block-dirty-bitmap-add", "data": {"node": "disk0", "name": "b1"}}, {"type": "abort", "data": {}}]}"""),
        })
        {
            await NoteRefusalAsync(command, arguments.Replace("THERE", there, StringComparison.Ordinal));
        }

        Note("jobs left", (await door.RunAsync("query-jobs")).AsArray().Count);
        await NoteBitmapsAsync();
    }

    private async Task QuitAsync()
    {
        await door.RunAsync("nbd-server-stop");
        await door.RunAsync("quit");
        JsonObject shutdown = await door.EventAsync("SHUTDOWN");
        Note("the end", $"{shutdown["reason"]} {shutdown["guest"]}");
        Note("exit code", await peer.ExitAsync());
    }

    private async Task NoteRefusalAsync(string command, string arguments)
    {
        (string errorClass, string text) = await door.RefusedAsync(command, arguments);
        Note($"{command} {arguments.Replace(peer[""], "", StringComparison.Ordinal)}", text.Length > 0 ? errorClass : "an error without a text");
    }
}
