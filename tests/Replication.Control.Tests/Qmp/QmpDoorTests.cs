using System.Text.Json.Nodes;
using Replication.Block;
using Replication.Testing;

namespace Replication.Control.Tests.Qmp;

public sealed class QmpDoorTests
{
    [Fact]
    public async Task The_door_is_in_the_ready_line_for_its_owner_alone_and_says_what_it_is()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        string path = node.Directory["qmp.sock"];
        Assert.Equal($"unix:{path}", node.Ready.GetProperty("qmp").GetString());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using QmpScript script = await node.ConnectAsync();
        JsonNode version = await script.RunAsync("query-version");
        Assert.StartsWith("replication 0.", version["package"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(7, version["qemu"]!["major"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_full_backup_is_the_disk_as_it_was_and_tells_its_life()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string target = node.Directory["target.raw"];
        await script.RunAsync("drive-backup", Arguments(("device", "disk0"), ("target", target), ("sync", "full"), ("auto-finalize", false)));
        await script.StatusAsync("disk0", "pending");
        await using (BlockNode guest = await node.GuestAsync())
            await guest.WriteAsync(0, new byte[4096]);
        JsonNode job = Assert.Single((await script.RunAsync("query-block-jobs")).AsArray())!;
        Assert.Equal(
            ("backup", "disk0", "pending", ServedNode.DiskBytes, false), (job["type"]!.ToString(), job["device"]!.ToString(), job["status"]!.ToString(),
                job["offset"]!.GetValue<int>(), job["auto-finalize"]!.GetValue<bool>()));
        Assert.Equal("disk0", Assert.Single((await script.RunAsync("query-jobs")).AsArray())!["id"]!.ToString());
        await script.RunAsync("block-job-finalize", Arguments(("id", "disk0")));
        JsonObject completed = await script.EventAsync("BLOCK_JOB_COMPLETED");
        Assert.Equal(
            """{"type":"backup","device":"disk0","len":1048576,"offset":1048576,"speed":0}""", completed.ToJsonString());
        await script.StatusAsync("disk0", "null");
        Assert.Empty((await script.RunAsync("query-jobs")).AsArray());
        byte[] copied = await File.ReadAllBytesAsync(target);
        Assert.Equal(ServedNode.DiskBytes, copied.Length);
        Assert.DoesNotContain(copied, b => b != 0x11);
        Assert.False(File.Exists(target + ".incomplete"));
    }

    [Fact]
    public async Task A_slow_backup_is_paused_hurried_and_cancelled()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string target = node.Directory["target.raw"];
        await script.RunAsync("drive-backup", Arguments(("device", "disk0"), ("target", target), ("sync", "full"), ("speed", 1), ("job-id", "slow"),
            ("x-perf", OnePieceAtATime)));
        await script.RunAsync("job-pause", Arguments(("id", "slow")));
        await script.StatusAsync("slow", "paused");
        await script.RunAsync("block-job-set-speed", Arguments(("device", "slow"), ("speed", 8 << 20)));
        JsonNode job = Assert.Single((await script.RunAsync("query-block-jobs")).AsArray())!;
        Assert.Equal((true, 8 << 20), (job["paused"]!.GetValue<bool>(), job["speed"]!.GetValue<int>()));
        Assert.Equal("GenericError", (await script.RefusedAsync("block-job-set-speed", Arguments(("device", "slow"), ("speed", -1)))).Class);
        Assert.Equal("GenericError", (await script.RefusedAsync("job-complete", Arguments(("id", "slow")))).Class);
        await script.RunAsync("block-job-cancel", Arguments(("device", "slow"), ("force", true)));
        Assert.Equal("slow", (await script.EventAsync("BLOCK_JOB_CANCELLED"))["device"]!.ToString());
        await script.StatusAsync("slow", "null");
        Assert.True(File.Exists(target + ".incomplete"));
    }

    [Fact]
    public async Task Bitmaps_are_seen_with_their_disk_and_bring_an_incremental_backup()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        string full = node.Directory["full.raw"];
        string delta = node.Directory["delta.raw"];
        await script.RunAsync("transaction", $$$"""
            {"actions": [
                {"type": "block-dirty-bitmap-add", "data": {"node": "disk0", "name": "b0", "persistent": true}},
                {"type": "drive-backup", "data": {"device": "disk0", "target": "{{{full}}}", "sync": "full"}}]}
            """);
        await script.StatusAsync("disk0", "null");
        await using (BlockNode guest = await node.GuestAsync())
            await guest.WriteAsync(128 << 10, Poison.Buffer(4096));
        Assert.Equal(
            """[{"name":"b0","recording":true,"persistent":true,"busy":false,"granularity":65536,"count":65536}]""", await BitmapsAsync(script));
        await script.RunAsync("drive-backup", Arguments(("device", "disk0"), ("target", delta), ("sync", "incremental"), ("bitmap", "b0")));
        await script.StatusAsync("disk0", "null");
        Assert.Contains("\"count\":0", await BitmapsAsync(script), StringComparison.Ordinal);
        byte[] copied = await File.ReadAllBytesAsync(delta);
        BlockAssert.Equal(Poison.Buffer(4096), copied.AsSpan(128 << 10, 4096), 128 << 10);
        Assert.DoesNotContain(copied.AsSpan(0, 128 << 10).ToArray(), b => b != 0);
    }

    [Fact]
    public async Task A_transaction_with_an_abort_leaves_nothing()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        await script.RefusedAsync("transaction", $$$"""
            {"actions": [
                {"type": "block-dirty-bitmap-add", "data": {"node": "disk1", "name": "b0"}},
                {"type": "drive-backup", "data": {"device": "disk0", "target": "{{{node.Directory["t"]}}}", "sync": "full"}},
                {"type": "abort", "data": {}}],
             "properties": {"completion-mode": "grouped"}}
            """);
        Assert.Empty((await script.RunAsync("query-jobs")).AsArray());
        Assert.DoesNotContain("dirty-bitmaps", (await script.RunAsync("query-block")).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Merging_takes_names_and_bitmaps_of_other_disks()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        foreach ((string disk, string name) in new[] { ("disk0", "all"), ("disk0", "a"), ("disk1", "b") })
            await script.RunAsync("block-dirty-bitmap-add", Arguments(("node", disk), ("name", name)));
        await using (BlockNode guest = await node.GuestAsync(1))
            await guest.WriteAsync(0, new byte[512]);
        await script.RunAsync("block-dirty-bitmap-disable", Arguments(("node", "disk0"), ("name", "all")));
        await script.RunAsync(
            "block-dirty-bitmap-merge", """{"node": "disk0", "target": "all", "bitmaps": ["a", {"node": "disk1", "name": "b"}]}""");
        Assert.Contains("\"name\":\"all\",\"recording\":false,\"persistent\":false,\"busy\":false,\"granularity\":65536,\"count\":65536",
            await BitmapsAsync(script), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("drive-backup", """{"device": "disk9", "target": "TARGET", "sync": "full"}""", "DeviceNotFound")]
    [InlineData("drive-backup", """{"device": "disk0", "target": "/no/such/directory/t", "sync": "full"}""", "GenericError")]
    [InlineData("drive-backup", """{"device": "disk0", "target": "TARGET", "sync": "incremental"}""", "GenericError")]
    [InlineData("drive-backup", """{"device": "disk0", "target": "TARGET", "sync": "full", "speed": -1}""", "GenericError")]
    [InlineData("drive-backup", """{"device": "disk0", "target": "TARGET", "sync": "full", "x-perf": {"max-workers": 0}}""", "GenericError")]
    [InlineData("drive-backup", """{"device": "disk0", "target": "TARGET", "sync": "everything"}""", "GenericError")]
    [InlineData("block-job-cancel", """{"device": "disk0"}""", "DeviceNotActive")]
    [InlineData("block-job-dismiss", """{"id": "disk0"}""", "DeviceNotActive")]
    [InlineData("job-cancel", """{"id": "disk0"}""", "GenericError")]
    [InlineData("block-dirty-bitmap-add", """{"node": "disk9", "name": "b"}""", "DeviceNotFound")]
    [InlineData("block-dirty-bitmap-clear", """{"node": "disk0", "name": "b"}""", "GenericError")]
    [InlineData("block-stream", """{"device": "disk0"}""", "CommandNotFound")]
    public async Task Refusals_have_QEMUs_classes_and_change_nothing(string command, string arguments, string errorClass)
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        (string found, string text) = await script.RefusedAsync(
            command, arguments.Replace("TARGET", node.Directory["t"], StringComparison.Ordinal));
        Assert.Equal(errorClass, found);
        Assert.DoesNotContain('\n', text);
        Assert.Empty((await script.RunAsync("query-jobs")).AsArray());
    }

    [Fact]
    public async Task Quit_ends_the_node_in_order()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        await script.RunAsync(
            "drive-backup", Arguments(("device", "disk0"), ("target", node.Directory["t"]), ("sync", "full"), ("speed", 1), ("x-perf", OnePieceAtATime)));
        await script.RunAsync("quit");
        Assert.Equal("host-qmp-quit", (await script.EventAsync("SHUTDOWN"))["reason"]!.ToString());
        Assert.Equal(0, await node.ExitAsync());
        Assert.False(File.Exists(node.Directory["qmp.sock"]));
    }

    [Fact]
    public async Task A_signal_is_told_to_the_clients()
    {
        await using ServedNode node = await ServedNode.StartAsync();
        using QmpScript script = await node.ConnectAsync();
        Task<int> exit = node.StopAsync();
        Assert.Equal("host-signal", (await script.EventAsync("SHUTDOWN"))["reason"]!.ToString());
        Assert.Equal(0, await exit);
    }

    /// <summary>So that a disk of a megabyte is more than one piece, and a slow job slow.</summary>
    private static JsonObject OnePieceAtATime => new() { ["max-workers"] = 1, ["max-chunk"] = 64 << 10 };

    internal static string Arguments(params (string Name, JsonNode Value)[] members) =>
        new JsonObject(members.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)member.Value))).ToJsonString();

    private static async Task<string> BitmapsAsync(QmpScript script)
    {
        JsonNode device = Assert.Single((await script.RunAsync("query-block")).AsArray(), device => device!["device"]!.ToString() == "disk0")!;
        return device["inserted"]!["dirty-bitmaps"]!.ToJsonString();
    }
}
