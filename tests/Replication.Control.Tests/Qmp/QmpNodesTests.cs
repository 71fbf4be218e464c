using System.Text.Json.Nodes;
using Replication.Block;
using Replication.Nbd;
using Replication.Testing;
using static Replication.Control.Tests.Qmp.QmpDoorTests;

namespace Replication.Control.Tests.Qmp;

/// <summary>Nodes beside the disks, and what scripts export.</summary>
public sealed class QmpNodesTests
{
    [Fact]
    public async Task A_node_takes_a_backup_and_is_in_use_until_its_job_has_ended()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string path = MakeRaw(node, "target.raw");
        await script.RunAsync(
            "blockdev-add", $$$"""{"driver": "raw", "node-name": "t0", "file": {"driver": "file", "node-name": "f0", "filename": "{{{path}}}"}}""");
        JsonArray nodes = (await script.RunAsync("query-named-block-nodes")).AsArray();
        Assert.Equal(["disk0", "disk1", "f0", "t0"], nodes.Select(named => named!["node-name"]!.ToString()));
        Assert.Equal(("raw", path), (nodes[3]!["drv"]!.ToString(), nodes[3]!["file"]!.ToString()));
        await script.RunAsync(
            "blockdev-backup", Arguments(("device", "disk0"), ("target", "t0"), ("sync", "full"), ("auto-finalize", false), ("job-id", "j")));
        await script.StatusAsync("j", "pending");
        Assert.Contains("in use", (await script.RefusedAsync("blockdev-del", Arguments(("node-name", "t0")))).Text, StringComparison.Ordinal);
        Assert.Contains("in use", (await script.RefusedAsync("blockdev-del", Arguments(("node-name", "f0")))).Text, StringComparison.Ordinal);
        (string errorClass, string text) = await script.RefusedAsync(
            "blockdev-backup", Arguments(("device", "disk1"), ("target", "t0"), ("sync", "full")));
        Assert.Equal("GenericError", errorClass);
        Assert.Contains("in use", text, StringComparison.Ordinal);
        await script.RunAsync("job-finalize", Arguments(("id", "j")));
        await script.StatusAsync("j", "null");
        Assert.DoesNotContain(await File.ReadAllBytesAsync(path), b => b != 0x11);
        await script.RunAsync("blockdev-del", Arguments(("node-name", "t0")));
        Assert.DoesNotContain("\"f0\"", (await script.RunAsync("query-named-block-nodes")).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_qcow2_node_is_closed_and_whole_when_its_job_has_ended()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string path = await MakeQcow2Async(node, "t.qcow2");
        await script.RunAsync("blockdev-add", $$"""{"driver": "file", "node-name": "f", "filename": "{{path}}"}""");
        await script.RunAsync("blockdev-add", """{"driver": "qcow2", "node-name": "q", "file": "f"}""");
        Assert.Contains("in use", (await script.RefusedAsync("blockdev-del", Arguments(("node-name", "f")))).Text, StringComparison.Ordinal);
        await script.RunAsync("blockdev-backup", Arguments(("device", "disk1"), ("target", "q"), ("sync", "full")));
        await script.StatusAsync("disk1", "null");
        await QemuImgAsync("compare", "-U", "-f", "qcow2", "-F", "raw", path, node.Directory["disk1.raw"]);
        await script.RunAsync("blockdev-del", Arguments(("node-name", "q")));
        await script.RunAsync("blockdev-del", Arguments(("node-name", "f")));
    }

    [Fact]
    public async Task A_fleece_by_QEMUs_own_commands_shows_the_moment_until_its_job_ends()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string path = await MakeQcow2Async(node, "scratch.qcow2");
        string socket = node.Directory["fleece.sock"];
        await script.RunAsync("block-dirty-bitmap-add", Arguments(("node", "disk0"), ("name", "b0")));
        await using BlockNode guest = await node.GuestAsync();
        await guest.WriteAsync(64 << 10, new byte[512]);
        await script.RunAsync(
            "blockdev-add", $$$"""{"driver": "qcow2", "node-name": "fleece", "backing": "disk0", "file": {"driver": "file", "filename": "{{{path}}}"}}""");
        await script.RunAsync("nbd-server-start", $$$"""{"addr": {"type": "unix", "data": {"path": "{{{socket}}}"}} }""");
        await script.RefusedAsync("nbd-server-add", Arguments(("device", "fleece")));
        await script.RunAsync("transaction", """
            {"actions": [
                {"type": "block-dirty-bitmap-disable", "data": {"node": "disk0", "name": "b0"}},
                {"type": "blockdev-backup", "data": {"device": "disk0", "target": "fleece", "sync": "none", "job-id": "j"}}]}
            """);
        await script.RunAsync("nbd-server-add", Arguments(("device", "fleece"), ("bitmap", "b0")));
        Assert.Equal(
            """[{"id":"fleece","type":"nbd","node-name":"fleece","shutting-down":false}]""", (await script.RunAsync("query-block-exports")).ToJsonString());
        await guest.WriteAsync(0, new byte[4096]);
        await using (NbdClientNode reader = await NbdClient.ConnectAsync(
            NbdAddress.Unix(socket), "fleece", new NbdClientOptions { Contexts = ["qemu:dirty-bitmap:b0"] }, CancellationToken.None))
        {
            byte[] read = Poison.Buffer(ServedNode.DiskBytes);
            await reader.ReadAsync(0, read);
            Assert.Equal(512, read.AsSpan(64 << 10, 512).Count((byte)0));
            Assert.Equal(ServedNode.DiskBytes - 512, read.AsSpan().Count((byte)0x11));
            Assert.True(reader.IsReadOnly);
            (_, string text) = await script.RefusedAsync("block-dirty-bitmap-remove", """{"node": "disk0", "name": "b0"}""");
            Assert.Contains("busy", text, StringComparison.Ordinal);
            await script.RefusedAsync("nbd-server-remove", Arguments(("name", "fleece")));

            await script.RunAsync("block-job-cancel", Arguments(("device", "j")));
            await script.StatusAsync("j", "null");
            await Assert.ThrowsAsync<BlockException>(() => reader.ReadAsync(0, read).AsTask());
            await script.RefusedAsync("blockdev-del", Arguments(("node-name", "fleece")));
            await script.RunAsync("nbd-server-remove", """{"name": "fleece", "mode": "hard"}""");
            Assert.Equal("fleece", (await script.EventAsync("BLOCK_EXPORT_DELETED"))["id"]!.ToString());
        }

        await script.RunAsync("blockdev-del", Arguments(("node-name", "fleece")));
        await script.RunAsync("nbd-server-stop");
        await script.RunAsync("block-dirty-bitmap-remove", """{"node": "disk0", "name": "b0"}""");
    }

    [Fact]
    public async Task A_disk_is_exported_as_its_guest_sees_it()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        await script.RunAsync(
            "nbd-server-start", """{"addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}, "max-connections": 2}""");
        await script.RunAsync("nbd-server-stop");
        await script.RefusedAsync("nbd-server-stop");
        string socket = node.Directory["nbd.sock"];
        await script.RunAsync("nbd-server-start", $$$"""{"addr": {"type": "unix", "data": {"path": "{{{socket}}}"}} }""");
        await script.RefusedAsync("nbd-server-start", $$$"""{"addr": {"type": "unix", "data": {"path": "{{{socket}}}"}} }""");
        await script.RunAsync(
            "block-export-add", """{"type": "nbd", "id": "e", "node-name": "disk1", "name": "second", "writable": true, "allocation-depth": true}""");
        await script.RefusedAsync("block-export-add", """{"type": "nbd", "id": "e", "node-name": "disk0"}""");
        await using (BlockNode client = await NbdClient.ConnectAsync(NbdAddress.Unix(socket), "second"))
            await client.WriteAsync(4096, new byte[4096]);
        await using (BlockNode guest = await node.GuestAsync(1))
        {
            byte[] read = Poison.Buffer(12288);
            await guest.ReadAsync(0, read);
            Assert.Equal(4096, read.AsSpan(4096, 4096).Count((byte)0));
        }

        await script.RunAsync("block-export-del", Arguments(("id", "e"), ("mode", "hard")));
        Assert.Empty((await script.RunAsync("query-block-exports")).AsArray());
        await script.RefusedAsync("block-export-del", Arguments(("id", "e")));
    }

    [Fact]
    public async Task A_backup_to_a_node_of_another_server_goes_there()
    {
        await using ServedNode other = await ServedNode.StartAsync();
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        await script.RunAsync("blockdev-add", $$$"""
            { "driver": "raw", "node-name": "t",
              "file": {"driver": "nbd", "server": {"type": "unix", "path": "{{{other.Directory["guest.sock"]}}}"}, "export": "disk1"} }
            """);
        await script.RunAsync("blockdev-backup", Arguments(("device", "disk0"), ("target", "t"), ("sync", "full")));
        await script.StatusAsync("disk0", "null");
        await using BlockNode guest = await other.GuestAsync(1);
        await BlockAssert.FilledAsync(guest, new BlockRange(0, ServedNode.DiskBytes), 0x11);
    }

    [Theory]
    [InlineData("blockdev-add", """{"driver": "file", "filename": "RAW"}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "file", "node-name": "disk0", "filename": "RAW"}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "file", "node-name": "t", "filename": "/no/such/file"}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "file", "node-name": "t", "filename": "DISK"}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "qcow2", "node-name": "t", "file": {"driver": "file", "filename": "RAW"}}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "raw", "node-name": "t", "file": "f"}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "raw", "node-name": "t", "size": 512, "file": {"driver": "file", "filename": "RAW"}}""", "GenericError")]
    [InlineData("blockdev-add", """{"driver": "vdi", "node-name": "t", "file": "f"}""", "GenericError")]
    [InlineData("blockdev-del", """{"node-name": "t"}""", "GenericError")]
    [InlineData("blockdev-del", """{"node-name": "disk0"}""", "GenericError")]
    [InlineData("blockdev-backup", """{"device": "disk0", "target": "t", "sync": "full"}""", "DeviceNotFound")]
    [InlineData("blockdev-backup", """{"device": "disk0", "target": "disk0", "sync": "full"}""", "GenericError")]
    [InlineData("blockdev-backup", """{"device": "disk0", "target": "disk1", "sync": "full"}""", "GenericError")]
    [InlineData("nbd-server-add", """{"device": "disk0"}""", "GenericError")]
    [InlineData("nbd-server-remove", """{"name": "disk0"}""", "GenericError")]
    [InlineData("nbd-server-start", """{"addr": {"type": "inet", "data": {"host": "0.0.0.0", "port": "0"}} }""", "GenericError")]
    [InlineData("nbd-server-start", """{"addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "http"}} }""", "GenericError")]
    public async Task Refusals_have_QEMUs_classes_and_change_nothing(string command, string arguments, string errorClass)
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string raw = MakeRaw(node, "target.raw");
        (string found, string text) = await script.RefusedAsync(
            command, arguments.Replace("RAW", raw, StringComparison.Ordinal).Replace("DISK", node.Directory["disk0.raw"], StringComparison.Ordinal));
        Assert.Equal(errorClass, found);
        Assert.DoesNotContain('\n', text);
        Assert.Equal(2, (await script.RunAsync("query-named-block-nodes")).AsArray().Count);
    }

    private static string MakeRaw(ServedNode node, string name)
    {
        string path = node.Directory[name];
        using FileStream file = File.Create(path);
        file.SetLength(ServedNode.DiskBytes);
        return path;
    }

    private static async Task<string> MakeQcow2Async(ServedNode node, string name)
    {
        string path = node.Directory[name];
        await QemuImgAsync("create", "-q", "-f", "qcow2", path, $"{ServedNode.DiskBytes}");
        return path;
    }

    private static async Task QemuImgAsync(params string[] arguments)
    {
        await using RunningProcess process = RunningProcess.Start(Programs.Require("qemu-img"), arguments);
        Assert.True(await process.WaitForExitAsync() == 0, process.Output);
    }
}
