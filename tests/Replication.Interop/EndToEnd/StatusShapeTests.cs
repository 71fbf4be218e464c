using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.EndToEnd;

/// <summary>What scripts read: every field of the contract is there, with its type.</summary>
public sealed class StatusShapeTests : InteropTest
{
    [Fact(Timeout = TestTimeoutMs)]
    public async Task Status_has_every_field_of_the_contract_before_and_after_start()
    {
        Pair pair = await StartNodesAsync(new PairOptions { DiskLengthsBytes = [1 << 20, 2 << 20] });
        CheckShape(await pair.StatusAsync("primary"), "primary", "standalone", "none");
        CheckShape(await pair.StatusAsync("secondary"), "secondary", "none", "none");
        await pair.DoAsync("start");
        CheckShape(await pair.StatusAsync("primary"), "primary", "replicating", "connected");
        CheckShape(await pair.StatusAsync("secondary"), "secondary", "running", "connected");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Status_of_an_unreachable_node_is_part_of_the_answer()
    {
        Pair pair = await StartNodesAsync();
        await pair.Secondary.Process.KillAsync();
        JsonElement secondary = await pair.StatusAsync("secondary");
        Assert.False(secondary.GetProperty("reachable").GetBoolean());
        Assert.Contains(pair.Secondary.Control, secondary.GetProperty("error").GetString());
        Assert.Equal("standalone", await pair.StageAsync("primary"));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Events_are_numbered_from_1_without_gaps_and_can_be_asked_for_from_any_number()
    {
        Pair pair = await StartPairAsync();
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("checkpoint");
        await pair.DoAsync("stop");
        IReadOnlyList<JsonElement> all = (await pair.RunAsync("events")).Ended(0).JsonLines;
        foreach (string side in new[] { "primary", "secondary" })
        {
            JsonElement[] own = [.. all.Where(e => e.GetProperty("node").GetString() == side)];
            Assert.Equal(Enumerable.Range(1, own.Length), own.Select(e => e.GetProperty("seq").GetInt32()));
            string[] types = [.. own.Select(e => e.GetProperty("type").GetString()!)];
            Assert.Equal(3, types.Count(t => t == "checkpoint")); // one of them the start's
            Assert.Contains("stopped", types);
            Assert.All(own, e => Assert.True(DateTimeOffset.TryParse(e.GetProperty("time").GetString(), out _), e.ToString()));
        }

        IReadOnlyList<JsonElement> later = (await pair.RunAsync("events", "--from", "3")).Ended(0).JsonLines;
        Assert.All(later, e => Assert.True(e.GetProperty("seq").GetInt64() >= 3));
        Assert.Equal(all.Count(e => e.GetProperty("seq").GetInt64() >= 3), later.Count);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Events_can_be_followed_through_a_restart_of_the_node()
    {
        Pair pair = await StartPairAsync();
        await using RunningProcess follower = RunningProcess.Start(
            Binaries.Dotnet, Binaries.Coloctl, "--secondary", pair.Secondary.Control, "--json", "events", "--from", "2", "--follow");
        long next = 2;
        await pair.DoAsync("checkpoint");
        await NextAsync("checkpoint");
        await pair.Secondary.Process.KillAsync();
        await pair.Secondary.StartAsync();
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);
        await pair.DoAsync("start");
        await NextAsync("checkpoint");

        async Task NextAsync(string type)
        {
            string line = "";
            while (!line.Contains($"\"{type}\"", StringComparison.Ordinal))
            {
                line = await follower.ReadLineAsync();
                Assert.Equal(next++, JsonDocument.Parse(line).RootElement.GetProperty("seq").GetInt64());
            }
        }
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Events_stay_numbered_through_kill_and_restart()
    {
        Pair pair = await StartPairAsync();
        IReadOnlyList<JsonElement> before = await pair.EventsAsync("secondary");
        await pair.Secondary.Process.KillAsync();
        await pair.Secondary.StartAsync();
        IReadOnlyList<JsonElement> after = await pair.EventsAsync("secondary");
        Assert.Equal(before.Select(e => e.ToString()), after.Take(before.Count).Select(e => e.ToString()));
        Assert.Equal(Enumerable.Range(1, after.Count), after.Select(e => e.GetProperty("seq").GetInt32()));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_failed_mirrored_write_is_an_error_that_stays_until_it_is_acknowledged()
    {
        // The sync sends nothing, so that the first write on the secondary disk is the guest's.
        Pair pair = await StartNodesAsync(new PairOptions { SecondaryFaults = ["node=disk0 op=write offset=64KiB length=4KiB error=EIO"] });
        await pair.DoAsync("start", "--sync", "none");
        await using NbdClientNode primary = await pair.Primary.ConnectAsync();
        await Guest.FillAsync(primary, 64 << 10, 4096, 0x42);
        await Guest.ReadsAsync(primary, 64 << 10, 4096, 0x42);
        await Pair.BecomesAsync(pair.Primary, NodeStage.Detached);

        JsonElement[] errors = [.. (await pair.DoAsync("errors")).GetProperty("errors").EnumerateArray()];
        JsonElement forwarding = errors.First(e => e.GetProperty("case").GetInt32() == 2);
        Assert.Equal("primary", forwarding.GetProperty("node").GetString());
        Assert.Equal("disk0", forwarding.GetProperty("disk").GetString());
        Assert.Equal(64 << 10, forwarding.GetProperty("offsetBytes").GetInt64());
        Assert.Equal(4096, forwarding.GetProperty("lengthBytes").GetInt64());
        Assert.NotEqual(0, forwarding.GetProperty("errno").GetInt32());
        Assert.Equal(JsonValueKind.Number, forwarding.GetProperty("epoch").ValueKind);
        Assert.NotEmpty(forwarding.GetProperty("advice").GetString()!);
        Assert.True(forwarding.GetProperty("seq").GetInt64() >= 1);
        Assert.Contains(errors, e => e.GetProperty("node").GetString() == "secondary" && e.GetProperty("case").GetInt32() is 3 or 4);
        Assert.Equal(JsonValueKind.String, (await pair.StatusAsync("primary")).GetProperty("error").ValueKind);

        await pair.DoAsync("errors", "--acknowledge", "all");
        Assert.Empty((await pair.DoAsync("errors")).GetProperty("errors").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, (await pair.StatusAsync("primary")).GetProperty("error").ValueKind);
    }

    private static void CheckShape(JsonElement node, string role, string stage, string mirror)
    {
        string all = node.ToString();
        Assert.True(node.GetProperty("reachable").GetBoolean(), all);
        Assert.Equal(role, node.GetProperty("role").GetString());
        Assert.Equal(stage, node.GetProperty("stage").GetString());
        Assert.Equal(JsonValueKind.Number, node.GetProperty("generation").ValueKind);
        Assert.Equal(JsonValueKind.Number, node.GetProperty("epoch").ValueKind);
        Assert.Equal(mirror, node.GetProperty("mirror").GetProperty("state").GetString());
        Assert.True(node.GetProperty("mirror").TryGetProperty("transport", out _), all);
        Assert.Equal(JsonValueKind.Null, node.GetProperty("error").ValueKind);
        Assert.Equal(["disk0", "disk1"], node.GetProperty("disks").EnumerateArray().Select(d => d.GetProperty("name").GetString()));
        Assert.Equal([1 << 20, 2 << 20], node.GetProperty("disks").EnumerateArray().Select(d => d.GetProperty("lengthBytes").GetInt64()));
        foreach (JsonElement disk in node.GetProperty("disks").EnumerateArray())
        {
            foreach (string field in new[] { "dirtyBytes", "activeBytes", "hiddenBytes" })
                Assert.Equal(0, disk.GetProperty(field).GetInt64());
        }
    }
}
