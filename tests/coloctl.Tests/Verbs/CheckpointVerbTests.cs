using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

public sealed class CheckpointVerbTests : IAsyncLifetime
{
    private static readonly ByteString s_session = ByteString.CopyFrom(Enumerable.Repeat((byte)0x5e, 16).ToArray());

    private FakePairNodes _pair = null!;

    public async ValueTask InitializeAsync()
    {
        _pair = await FakePairNodes.StartAsync();
        _pair.Primary.Status = () => FakePairNodes.StatusOf(NodeRole.Primary, NodeStage.Replicating);
        _pair.Secondary.Status = () => FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.Running);
        _pair.Primary.BeginAnswer = new BeginCheckpointResponse
        {
            Epoch = 8,
            Generation = FakePairNodes.GenerationOf(3),
            Session = s_session,
            AnsweredWrites = 1234,
            DrainedBytes = 4096,
            DrainMs = 1.5,
        };
        _pair.Secondary.CommitAnswer = new CommitCheckpointResponse { Epoch = 8, CommitMs = 0.25 };
        _pair.Primary.EndAnswer = new EndCheckpointResponse { Epoch = 8, HoldMs = 2.125 };
    }

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task A_checkpoint_hands_what_the_primary_said_to_the_secondary_and_the_outcome_back()
    {
        Run run = await _pair.RunAsync("checkpoint", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(8, run.Json.GetProperty("epoch").GetInt64());
        Assert.True(run.Json.GetProperty("elapsedMs").GetDouble() > 0);
        Assert.Equal("""{"holdMs":2.125,"drainMs":1.5,"commitMs":0.25}""", run.Json.GetProperty("phases").GetRawText());
        Assert.Equal(4096, run.Json.GetProperty("drainedBytes").GetInt64());

        CommitCheckpointRequest commit = _pair.Secondary.CommitSeen!;
        Assert.Equal((8ul, 1234ul, s_session, 3ul), (commit.Epoch, commit.AnsweredWrites, commit.Session, commit.Generation.Number));
        Assert.Equal((8ul, CheckpointOutcome.Committed), (_pair.Primary.EndSeen!.Epoch, _pair.Primary.EndSeen.Outcome));
        // Found reachable before the guest is held.
        Assert.Equal(["GetStatus", "CommitCheckpoint"], _pair.Secondary.Calls);
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, CheckpointOutcome.Aborted, 4)]
    [InlineData(StatusCode.Aborted, CheckpointOutcome.Aborted, 1)]
    [InlineData(StatusCode.Unavailable, CheckpointOutcome.Unknown, 3)]
    [InlineData(StatusCode.Internal, CheckpointOutcome.Unknown, 1)]
    public async Task A_commit_that_fails_releases_the_guest_with_what_is_known(StatusCode code, CheckpointOutcome outcome, int exitCode)
    {
        _pair.Secondary.Failures["CommitCheckpoint"] = new Status(code, "no");
        Run run = await _pair.RunAsync("checkpoint");
        run.AssertFailed(exitCode, "checkpoint 8", outcome == CheckpointOutcome.Aborted ? "aborted" : "unknown", _pair.SecondaryNode.Address);
        Assert.Equal(outcome, _pair.Primary.EndSeen!.Outcome);
    }

    [Fact]
    public async Task A_commit_without_a_reply_is_unknown_and_releases_the_guest()
    {
        _pair.Secondary.Hung.Add("CommitCheckpoint");
        (await _pair.RunAsync("checkpoint", "--timeout", "2s")).AssertFailed(3, "unknown", _pair.SecondaryNode.Address);
        Assert.Equal(CheckpointOutcome.Unknown, _pair.Primary.EndSeen!.Outcome);
    }

    [Fact]
    public async Task A_refused_begin_commits_nothing()
    {
        _pair.Primary.Failures["BeginCheckpoint"] = new Status(StatusCode.FailedPrecondition, "stage standalone refuses checkpoint");
        (await _pair.RunAsync("checkpoint")).AssertFailed(4, "standalone");
        Assert.Null(_pair.Secondary.CommitSeen);
        Assert.Null(_pair.Primary.EndSeen);
    }

    [Fact]
    public async Task An_unreachable_secondary_never_costs_the_guest_a_hold()
    {
        (await Run.OfAsync("--primary", _pair.PrimaryNode.Address, "--secondary", "http://127.0.0.1:1", "checkpoint")).AssertFailed(
            3, "secondary http://127.0.0.1:1");
        Assert.Equal(["GetStatus"], _pair.Primary.Calls);
    }

    [Fact]
    public async Task A_promoted_secondary_refuses_even_when_the_primary_is_dead()
    {
        _pair.Secondary.Status = () => FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.Done);
        (await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "checkpoint")).AssertFailed(4, "checkpoint", "done");
        _pair.Secondary.Status = () => FakePairNodes.StatusOf(NodeRole.Secondary, NodeStage.Running);
        (await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "checkpoint")).AssertFailed(
            3, "primary http://127.0.0.1:1");
    }

    [Fact]
    public async Task A_committed_checkpoint_whose_end_is_lost_says_so()
    {
        _pair.Primary.Failures["EndCheckpoint"] = new Status(StatusCode.Unavailable, "gone");
        (await _pair.RunAsync("checkpoint")).AssertFailed(3, "epoch 8 is committed on the secondary", _pair.PrimaryNode.Address);
    }
}
