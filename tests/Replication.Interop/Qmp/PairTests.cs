using System.Text.Json.Nodes;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Qmp;

/// <summary>The doors of a pair that replicates.</summary>
public sealed class PairTests : InteropTest
{
    private const int DiskBytes = 4 << 20;

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_secondarys_door_backs_up_its_guests_view_and_the_disk_below()
    {
        Pair pair = await StartWithDoorsAsync();
        await using NbdClientNode guest = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(guest, 0, 64 << 10, 0x41);
        await pair.DoAsync("checkpoint");
        byte[] view = await Guest.ReadAllAsync(guest);
        await Guest.FillAsync(guest, 1 << 20, 64 << 10, 0x42);
        byte[] disk = await Guest.ReadAllAsync(guest);
        using QmpScript door = await QmpScript.ConnectAsync(SocketOf(pair.Secondary));
        string[] devices = [.. (await door.RunAsync("query-block")).AsArray().Select(device => device!["device"]!.ToString())];
        Assert.Equal(["disk0", "disk0.secondary"], devices);
        foreach ((string device, byte[] expected) in new[] { ("disk0", view), ("disk0.secondary", disk) })
        {
            string target = Path.Combine(pair.DirectoryPath, device + ".raw");
            await door.RunAsync("drive-backup", $$"""{"device": "{{device}}", "target": "{{target}}", "sync": "full"}""");
            await door.StatusAsync(device, "null");
            BlockAssert.Equal(expected, DiskFile.Read(target), 0);
        }
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_transaction_with_a_checkpoint_has_one_moment_on_both_nodes()
    {
        Pair pair = await StartWithDoorsAsync();
        await using GuestLoad load = await GuestLoad.StartAsync(pair.Primary, DeterministicRandom.Create());
        await load.AnswersAsync(200);
        string target = Path.Combine(pair.DirectoryPath, "moment.raw");
        using QmpScript door = await QmpScript.ConnectAsync(SocketOf(pair.Primary));
        await door.RunAsync("transaction", $$$"""
            {"actions": [
                {"type": "checkpoint", "data": {}},
                {"type": "drive-backup", "data": {"device": "disk0", "target": "{{{target}}}", "sync": "full"}}]}
            """);
        await load.AnswersAsync(200);
        await door.StatusAsync("disk0", "null");
        await load.StopAsync();
        await using NbdClientNode view = await pair.Secondary.ConnectAsync();
        BlockAssert.Equal(await Guest.ReadAllAsync(view), DiskFile.Read(target), 0);
    }

    private static string SocketOf(Node node) => Path.Combine(node.DirectoryPath, "qmp.sock");

    private async Task<Pair> StartWithDoorsAsync()
    {
        Pair pair = CreatePair(new PairOptions { DiskLengthsBytes = [DiskBytes] });
        foreach (Node node in new[] { pair.Primary, pair.Secondary })
            node.Settings["Qmp"] = new JsonObject { ["Listen"] = "unix:qmp.sock" };
        await pair.StartNodesAsync();
        await pair.DoAsync("start");
        return pair;
    }
}
