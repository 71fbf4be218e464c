using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

/// <summary>The verbs against scripted nodes: who is called, in what order, and what is printed.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Start_opens_the_secondary_then_starts_the_primary()
    {
        _pair.Primary.StartAnswer = new StartResponse { Generation = FakePairNodes.GenerationOf(2), Epoch = 1, SyncedBytes = 1L << 40, ElapsedMs = 12 };
        Run run = await _pair.RunAsync("start", "--sync", "full", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            $$"""{"generation":2,"generationId":"{{FakePairNodes.IdHex}}","epoch":1,"syncedBytes":1099511627776,"elapsedMs":12}""", run.Out.TrimEnd());
        Assert.Equal(NodeRole.Secondary, _pair.Secondary.StartSeen!.Mode);
        Assert.Equal((NodeRole.Primary, SyncMode.Full), (_pair.Primary.StartSeen!.Mode, _pair.Primary.StartSeen.Sync));
        Assert.Equal(1u, _pair.Primary.StartSeen.Versions.Maximum);
    }

    [Fact]
    public async Task Start_changes_nothing_when_either_node_is_unreachable()
    {
        Run run = await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "start");
        run.AssertFailed(3, "http://127.0.0.1:1");
        Assert.DoesNotContain("Start", _pair.Secondary.Calls);
    }

    [Fact]
    public async Task A_start_that_a_promoted_secondary_refuses_says_where_both_stand()
    {
        _pair.Primary.Status = () => new NodeStatus { Stage = NodeStage.Standalone, Generation = FakePairNodes.GenerationOf(2), Epoch = 5 };
        _pair.Secondary.Status = () => new NodeStatus { Stage = NodeStage.Done, Generation = FakePairNodes.GenerationOf(3), Epoch = 7 };
        _pair.Secondary.Failures["Start"] = new Status(StatusCode.FailedPrecondition, "start is refused: the secondary is done");
        (await _pair.RunAsync("start")).AssertFailed(
            4, $"the secondary is at generation 3 ({FakePairNodes.IdHex}) epoch 7, the primary at generation 2 ({FakePairNodes.IdHex}) epoch 5");
        Assert.DoesNotContain("Start", _pair.Primary.Calls);
    }

    [Fact]
    public async Task Start_may_take_longer_than_the_timeout_while_the_node_answers_its_status()
    {
        _pair.Primary.StartAnswer = new StartResponse { Generation = FakePairNodes.GenerationOf(1) };
        _pair.Primary.BeforeStartAnswer = () => Task.Delay(TimeSpan.FromSeconds(3));
        _pair.Primary.Status = () => new NodeStatus { Progress = new Progress { Activity = "sync", DoneBytes = 1 << 20, TotalBytes = 4 << 20 } };
        Run run = await _pair.RunAsync("start", "--timeout", "2s");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("sync 25.0 % (1 MiB of 4 MiB)", run.Error, StringComparison.Ordinal);
        Assert.Contains("generation 1", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_primary_that_falls_silent_during_start_is_unreachable()
    {
        _pair.Primary.Hung.Add("Start");
        _pair.Primary.Status = () =>
        {
            _pair.Primary.Hung.Add("GetStatus");
            return new NodeStatus();
        };
        Run run = await _pair.RunAsync("start", "--timeout", "2s");
        run.AssertFailed(3, _pair.PrimaryNode.Address, "did not answer within 2 s");
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, 4)]
    [InlineData(StatusCode.Unavailable, 3)]
    [InlineData(StatusCode.InvalidArgument, 2)]
    [InlineData(StatusCode.Aborted, 1)]
    [InlineData(StatusCode.Internal, 1)]
    public async Task A_nodes_status_decides_the_exit_code(StatusCode code, int exitCode)
    {
        _pair.Primary.Failures["Stop"] = new Status(code, "stage standalone refuses stop\nsecond line");
        Run run = await _pair.RunAsync("stop", "--json");
        run.AssertFailed(exitCode, _pair.PrimaryNode.Address, "stage standalone refuses stop second line");
    }

    [Fact]
    public async Task Stop_prints_the_epoch()
    {
        _pair.Primary.StopAnswer = new StopResponse { Epoch = 9 };
        Run run = await _pair.RunAsync("stop", "--json");
        Assert.Equal((0, """{"epoch":9}"""), (run.ExitCode, run.Out.TrimEnd()));
    }

    [Fact]
    public async Task Stop_of_a_replicating_pair_finds_a_hung_secondary_before_the_primary_waits_for_it()
    {
        _pair.Secondary.Hung.Add("GetStatus");
        Assert.Equal(0, (await _pair.RunAsync("stop", "--timeout", "2s")).ExitCode);
        _pair.Primary.Status = () => FakePairNodes.StatusOf(NodeRole.Primary, NodeStage.Replicating);
        (await _pair.RunAsync("stop", "--timeout", "2s")).AssertFailed(3, _pair.SecondaryNode.Address, "2 s");
        Assert.Single(_pair.Primary.Calls, "Stop");
        Assert.Equal(0, (await Run.OfAsync("stop", "--primary", _pair.PrimaryNode.Address)).ExitCode);
    }

    [Fact]
    public async Task A_node_that_hangs_is_unreachable_after_the_timeout()
    {
        _pair.Primary.Hung.UnionWith(["Stop", "GetStatus"]);
        (await _pair.RunAsync("stop", "--timeout", "2s")).AssertFailed(3, _pair.PrimaryNode.Address, "2 s");
    }

    [Fact]
    public async Task Status_shows_both_nodes()
    {
        _pair.Primary.Status = () => FakePairNodes.StatusOf(NodeRole.Primary, NodeStage.Replicating);
        _pair.Secondary.Status = () =>
        {
            NodeStatus status = FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.FailoverFailed);
            status.Error = "case 7: [EIO]";
            status.Mirror = null;
            return status;
        };
        Run run = await _pair.RunAsync("status", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement primary = run.Json.GetProperty("primary");
        Assert.True(primary.GetProperty("reachable").GetBoolean());
        Assert.Equal("primary", primary.GetProperty("role").GetString());
        Assert.Equal("replicating", primary.GetProperty("stage").GetString());
        Assert.Equal(3, primary.GetProperty("generation").GetInt64());
        Assert.Equal(FakePairNodes.IdHex, primary.GetProperty("generationId").GetString());
        Assert.Equal(7, primary.GetProperty("epoch").GetInt64());
        Assert.Equal("""{"state":"connected","transport":"nbd"}""", primary.GetProperty("mirror").GetRawText());
        Assert.Equal(
            """[{"name":"disk0","lengthBytes":1099511627776,"dirtyBytes":4096,"activeBytes":8192,"hiddenBytes":12288}]""",
            primary.GetProperty("disks").GetRawText());
        Assert.Equal(JsonValueKind.Null, primary.GetProperty("error").ValueKind);

        JsonElement secondary = run.Json.GetProperty("secondary");
        Assert.Equal("failover-failed", secondary.GetProperty("stage").GetString());
        Assert.Equal("case 7: [EIO]", secondary.GetProperty("error").GetString());
        Assert.Equal("none", secondary.GetProperty("mirror").GetProperty("state").GetString());

        Run table = await _pair.RunAsync("status");
        Assert.Contains("case 7: [EIO]", table.Out, StringComparison.Ordinal);
        Assert.DoesNotContain('\x1b', table.Out);
    }

    [Theory]
    [InlineData(NodeStage.Standalone, NodeStage.Done, true)]
    [InlineData(NodeStage.Detached, NodeStage.Failover, true)]
    [InlineData(NodeStage.Fenced, NodeStage.Done, false)]
    [InlineData(NodeStage.Standalone, NodeStage.Running, false)]
    [InlineData(NodeStage.Standalone, NodeStage.None, false)]
    public async Task Status_says_that_both_nodes_serve_as_heads(NodeStage primary, NodeStage secondary, bool said)
    {
        _pair.Primary.Status = () => FakePairNodes.StatusOf(NodeRole.Primary, primary);
        _pair.Secondary.Status = () => FakePairNodes.StatusOf(NodeRole.Secondary, secondary);
        Run run = await _pair.RunAsync("status");
        Assert.Equal((0, said), (run.ExitCode, run.Out.Contains("Two heads", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Status_of_an_unreachable_node_is_part_of_the_answer()
    {
        Run run = await Run.OfAsync("status", "--json", "--primary", _pair.PrimaryNode.Address, "--secondary", "http://127.0.0.1:1");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement secondary = run.Json.GetProperty("secondary");
        Assert.False(secondary.GetProperty("reachable").GetBoolean());
        Assert.Contains("127.0.0.1:1", secondary.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_of_a_hung_node_waits_no_longer_than_the_timeout()
    {
        _pair.Secondary.Hung.Add("GetStatus");
        Run run = await _pair.RunAsync("status", "--json", "--timeout", "2s");
        Assert.Equal(0, run.ExitCode);
        Assert.True(run.Json.GetProperty("primary").GetProperty("reachable").GetBoolean());
        Assert.False(run.Json.GetProperty("secondary").GetProperty("reachable").GetBoolean());
    }

    [Fact]
    public async Task Addresses_may_come_from_the_environment()
    {
        var variables = new Dictionary<string, string> { ["COLOCTL_PRIMARY"] = _pair.PrimaryNode.Address, ["COLOCTL_SECONDARY"] = "http://127.0.0.1:1" };
        Run run = await Run.OfAsync(variables, default, "status", "--json", "--secondary", _pair.SecondaryNode.Address);
        Assert.True(run.Json.GetProperty("primary").GetProperty("reachable").GetBoolean());
        Assert.True(run.Json.GetProperty("secondary").GetProperty("reachable").GetBoolean());
    }

    [Fact]
    public async Task A_unix_socket_is_an_address_too()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("coloctl-").FullName, "control.sock");
        await using FakeNode node = await FakeNode.StartAsync(path);
        Run run = await Run.OfAsync("status", "--json", "--primary", "unix:" + path);
        Assert.True(run.Json.GetProperty("primary").GetProperty("reachable").GetBoolean(), run.Out);
        Assert.Equal(JsonValueKind.Null, run.Json.GetProperty("secondary").ValueKind);
    }

    [Fact]
    public async Task A_node_of_another_protocol_version_is_refused_by_number()
    {
        _pair.Primary.Version = 2;
        (await _pair.RunAsync("start")).AssertFailed(1, "protocol versions 2 to 2, coloctl speaks 1 to 1");
        Assert.DoesNotContain("Start", _pair.Primary.Calls);
    }
}
