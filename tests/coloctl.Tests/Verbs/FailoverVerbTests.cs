using System.Text.Json;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

public sealed class FailoverVerbTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    public async ValueTask InitializeAsync()
    {
        _pair = await FakePairNodes.StartAsync();
        _pair.Secondary.FailoverAnswer = new FailoverResponse { Generation = FakePairNodes.GenerationOf(4), ServingMs = 1.25, PrimaryFenced = true };
    }

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Failover_returns_when_committed()
    {
        int asked = 0;
        _pair.Secondary.Status = () =>
        {
            NodeStatus status = FakePairNodes.StatusOf(NodeRole.Secondary, ++asked < 4 ? NodeStage.Failover : NodeStage.Done);
            (status.CommitElapsedMs, status.CommittedBytes) = (77, 1 << 20);
            return status;
        };
        Run run = await _pair.RunAsync("failover", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            $$"""{"generation":4,"generationId":"{{FakePairNodes.IdHex}}","servingMs":1.25,"committedMs":77,"committedBytes":1048576,"primaryFenced":true,"lost":null}""",
            run.Out.TrimEnd());
        Assert.True(asked >= 4);
        Assert.Equal(NodeRole.Secondary, _pair.Secondary.FailoverSeen!.Mode);
        Assert.Empty(_pair.Primary.Calls);
    }

    [Fact]
    public async Task With_no_wait_the_committed_fields_are_null()
    {
        _pair.Secondary.FailoverAnswer.Lost = "3 writes";
        Run run = await _pair.RunAsync("failover", "--no-wait", "--force", "--json");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(JsonValueKind.Null, run.Json.GetProperty("committedMs").ValueKind);
        Assert.Equal(JsonValueKind.Null, run.Json.GetProperty("committedBytes").ValueKind);
        Assert.Equal("3 writes", run.Json.GetProperty("lost").GetString());
        Assert.True(_pair.Secondary.FailoverSeen!.Force);
        Assert.Equal(5000, _pair.Secondary.FailoverSeen.HoldTimeoutMs);
    }

    [Fact]
    public async Task The_timeout_bounds_how_long_the_secondary_waits_for_a_hung_primary_too()
    {
        Assert.Equal(0, (await _pair.RunAsync("--timeout", "4700ms", "failover", "--no-wait")).ExitCode);
        Assert.Equal(4700, _pair.Secondary.FailoverSeen!.HoldTimeoutMs);
    }

    [Fact]
    public async Task A_failed_commit_is_a_failed_verb_with_the_reason()
    {
        _pair.Secondary.Status = () =>
        {
            NodeStatus status = FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.FailoverFailed);
            status.Error = "EIO on disk0 at 4096+4096";
            return status;
        };
        (await _pair.RunAsync("failover", "--json")).AssertFailed(1, "EIO on disk0 at 4096+4096", "tried again");
    }

    [Fact]
    public async Task Failover_of_the_secondary_needs_no_primary()
    {
        _pair.Secondary.Status = () => FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.Done);
        Run run = await Run.OfAsync("--secondary", _pair.SecondaryNode.Address, "failover", "--json");
        Assert.Equal(0, run.ExitCode);
        run = await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "failover");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("generation 4", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failover_of_the_primary_asks_the_primary_alone_and_waits_for_no_commit()
    {
        _pair.Primary.FailoverAnswer = new FailoverResponse { Generation = FakePairNodes.GenerationOf(5) };
        Run run = await Run.OfAsync("--primary", _pair.PrimaryNode.Address, "failover", "--node", "primary", "--json");
        Assert.Equal((0, 5), (run.ExitCode, run.Json.GetProperty("generation").GetInt64()));
        Assert.Equal(["Failover"], _pair.Primary.Calls);
        Assert.Equal(NodeRole.Primary, _pair.Primary.FailoverSeen!.Mode);
    }

    [Fact]
    public async Task A_refusal_is_exit_code_4()
    {
        _pair.Secondary.Failures["Failover"] = new Status(StatusCode.FailedPrecondition, "stage none refuses failover");
        (await _pair.RunAsync("failover")).AssertFailed(4, "stage none refuses failover");
    }
}
