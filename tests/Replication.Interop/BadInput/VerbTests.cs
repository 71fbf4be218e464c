using System.Text.Json;
using System.Text.Json.Nodes;
using Replication.Interop.Support;

namespace Replication.Interop.BadInput;

/// <summary>Verbs that are refused: the exit code, one line that names what and where, both sides as they were.</summary>
public sealed class VerbTests : InteropTest
{
    private const int Failed = 1;
    private const int Usage = 2;
    private const int Unreachable = 3;
    private const int Refused = 4;

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("dance", "dance")]
    [InlineData("start --speed 1", "--speed")]
    [InlineData("start --sync maybe", "maybe")]
    [InlineData("failover --node third", "third")]
    [InlineData("events --from x", "x")]
    [InlineData("errors --acknowledge none", "none")]
    [InlineData("status --timeout soon", "soon")]
    [InlineData("start --discard-changes-of primary", "--discard-changes-of", "not available")]
    [InlineData("reverse", "reverse", "not available")]
    [InlineData("--primary nowhere status", "--primary", "nowhere")]
    [InlineData("--primary https://127.0.0.1:1 status", "--primary", "https://127.0.0.1:1")]
    [InlineData("start", "--primary")]
    [InlineData("status", "--primary", "COLOCTL_PRIMARY")]
    [InlineData("drill --disks 0", "--disks")]
    [InlineData("drill --scenario earthquake", "earthquake")]
    public async Task Wrong_usage_ends_with_2(string line, params string[] names)
    {
        CommandResult result = await Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, .. line.Split(' ')]);
        result.Refused(Usage, names);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task The_environment_stands_in_for_the_two_addresses()
    {
        Pair pair = await StartNodesAsync();
        var environment = new Dictionary<string, string?> { ["COLOCTL_PRIMARY"] = pair.Primary.Control, ["COLOCTL_SECONDARY"] = pair.Secondary.Control };
        JsonElement status = (await Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, "status", "--json"], environment)).Ended(0).Json;
        Assert.Equal("standalone", status.GetProperty("primary").GetProperty("stage").GetString());
        Assert.Equal("none", status.GetProperty("secondary").GetProperty("stage").GetString());
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Verbs_in_the_wrong_stage_are_refused_and_change_nothing()
    {
        Pair pair = await StartNodesAsync();
        string disks = Disks(pair);
        foreach (string verb in new[] { "checkpoint", "failover", "stop" })
            (await pair.RunAsync(verb)).Refused(Refused, verb, verb == "failover" ? "none" : "standalone");
        Assert.Equal(disks, Disks(pair));
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        Assert.Equal("none", await pair.StageAsync("secondary"));

        JsonElement started = await pair.DoAsync("start");
        (await pair.RunAsync("start")).Refused(Refused, "start", "replicating");
        Assert.Equal("replicating", await pair.StageAsync("primary"));
        JsonElement stopped = await pair.DoAsync("stop");
        (await pair.RunAsync("checkpoint")).Refused(Refused, "checkpoint", "stopped");
        (await pair.RunAsync("stop")).Refused(Refused, "stop", "stopped");
        Assert.Equal(started.GetProperty("epoch").GetInt64() + 1, stopped.GetProperty("epoch").GetInt64());
        Assert.Equal(stopped.GetProperty("epoch").GetInt64(), (await pair.StatusAsync("secondary")).GetProperty("epoch").GetInt64());
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_node_that_is_needed_and_gone_is_named_by_its_address()
    {
        Pair pair = await StartNodesAsync(new PairOptions { Deadline = "300ms" });
        await pair.Secondary.Process.KillAsync();
        string disks = Disks(pair);
        (await pair.RunAsync("start")).Refused(Unreachable, pair.Secondary.Control);
        (await pair.RunAsync("failover")).Refused(Unreachable, pair.Secondary.Control);
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        await pair.Secondary.StartAsync();
        await pair.DoAsync("start");
        await pair.Primary.Process.KillAsync();
        foreach (string verb in new[] { "start", "checkpoint", "stop", "failover --node primary" })
            (await pair.RunAsync(verb.Split(' '))).Refused(Unreachable, pair.Primary.Control);
        Assert.Equal("running", await pair.StageAsync("secondary"));
        Assert.Equal(disks, Disks(pair));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_primary_that_cannot_reach_its_peer_names_the_address_that_it_tried()
    {
        Pair pair = CreatePair();
        await pair.Secondary.StartAsync();
        pair.Primary.Settings["Peer"]!["Control"] = "http://127.0.0.1:1";
        pair.Primary.Settings["Peer"]!["Mirror"] = pair.Secondary.Mirror.ToString();
        await pair.Primary.StartAsync();
        (await pair.RunAsync("start")).Refused(Unreachable, "http://127.0.0.1:1");
        await UntouchedAsync(pair);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_primary_that_cannot_reach_its_peers_mirror_names_the_address_that_it_tried()
    {
        Pair pair = CreatePair();
        await pair.Secondary.StartAsync();
        pair.Primary.Settings["Peer"]!["Control"] = pair.Secondary.Control;
        pair.Primary.Settings["Peer"]!["Mirror"] = "nbd://127.0.0.1:1";
        await pair.Primary.StartAsync();
        (await pair.RunAsync("start")).Refused(Unreachable, "nbd://127.0.0.1:1");
        await UntouchedAsync(pair);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_primary_without_a_peer_names_the_key()
    {
        Pair pair = CreatePair();
        await pair.Secondary.StartAsync();
        await pair.Primary.StartAsync();
        (await pair.RunAsync("start")).Refused(Usage, "Replication:Peer:");
        await UntouchedAsync(pair);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Disks_of_other_lengths_are_refused_with_both_of_them()
    {
        Pair pair = CreatePair(new PairOptions
        {
            DiskLengthsBytes = [1 << 20, 1 << 20],
            Fill = (disk, primary, secondary) =>
            {
                DiskFile.Fill(primary, 1 << 20, 0x11);
                DiskFile.Fill(secondary, (1 << 20) + (disk * 512), 0x11);
            },
        });
        await pair.StartNodesAsync();
        string disks = Disks(pair);
        (await pair.RunAsync("start")).Refused(Failed, "disk1", "1048576", "1049088");
        Assert.Equal(disks, Disks(pair));
        await UntouchedAsync(pair);
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("Group", "vm2", "vm2")]
    [InlineData("Disks", "other", "disk0")]
    public async Task A_pair_that_does_not_fit_together_is_refused(string key, string value, string name)
    {
        Pair pair = CreatePair();
        if (key == "Disks")
            pair.Secondary.Settings["Disks"]![0]!["Name"] = value;
        else
            pair.Secondary.Settings[key] = JsonValue.Create(value);
        await pair.StartNodesAsync();
        string disks = Disks(pair);
        CommandResult result = await pair.RunAsync("start");
        Assert.Contains(result.ExitCode, new[] { Failed, Usage });
        result.Refused(result.ExitCode, name);
        Assert.Equal(disks, Disks(pair));
        await UntouchedAsync(pair);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Two_primaries_or_two_secondaries_are_no_pair()
    {
        Pair pair = await StartNodesAsync();
        foreach (string url in new[] { pair.Primary.Control, pair.Secondary.Control })
        {
            CommandResult result = await Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, "--primary", url, "--secondary", url, "start"]);
            Assert.NotEqual(0, result.ExitCode);
            result.Refused(result.ExitCode, url);
        }

        await UntouchedAsync(pair);
        await pair.DoAsync("start");
    }

    private static string Disks(Pair pair) =>
        string.Join('\n', pair.Primary.DiskPaths.Concat(pair.Secondary.DiskPaths)
            .Select(path => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(DiskFile.Read(path)))));

    private static async Task UntouchedAsync(Pair pair)
    {
        Assert.Equal("standalone", await pair.StageAsync("primary"));
        Assert.Equal("none", await pair.StageAsync("secondary"));
    }
}
