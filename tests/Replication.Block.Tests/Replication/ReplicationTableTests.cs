using Replication.Block.Replication;
using Replication.Block.State;

namespace Replication.Block.Tests.Replication;

/// <summary>Every stage with every verb and every mode, cell by cell.</summary>
public sealed class ReplicationTableTests
{
    public static TheoryData<NodeRole, ReplicationStage, VerbOutcome, VerbOutcome, VerbOutcome, VerbOutcome, VerbOutcome> Verbs => new()
    {
        { NodeRole.Primary, ReplicationStage.None, VerbOutcome.Perform, VerbOutcome.Nothing, VerbOutcome.NotRunning, VerbOutcome.NotRunning, VerbOutcome.NotRunning },
        { NodeRole.Primary, ReplicationStage.Running, VerbOutcome.AlreadyRunning, VerbOutcome.Nothing, VerbOutcome.RecordedError, VerbOutcome.Perform, VerbOutcome.Perform },
        { NodeRole.Primary, ReplicationStage.Failover, VerbOutcome.Ignored, VerbOutcome.Ignored, VerbOutcome.RecordedError, VerbOutcome.Ignored, VerbOutcome.Ignored },
        { NodeRole.Primary, ReplicationStage.FailoverFailed, VerbOutcome.AlreadyRunning, VerbOutcome.Nothing, VerbOutcome.Failed, VerbOutcome.Failed, VerbOutcome.Perform },
        { NodeRole.Primary, ReplicationStage.Done, VerbOutcome.Ignored, VerbOutcome.Ignored, VerbOutcome.NoError, VerbOutcome.Ignored, VerbOutcome.Ignored },
        { NodeRole.Secondary, ReplicationStage.None, VerbOutcome.Perform, VerbOutcome.NoBackupJob, VerbOutcome.NotRunning, VerbOutcome.NotRunning, VerbOutcome.NotRunning },
        { NodeRole.Secondary, ReplicationStage.Running, VerbOutcome.AlreadyRunning, VerbOutcome.Perform, VerbOutcome.RecordedError, VerbOutcome.Perform, VerbOutcome.Perform },
        { NodeRole.Secondary, ReplicationStage.Failover, VerbOutcome.Ignored, VerbOutcome.Ignored, VerbOutcome.RecordedError, VerbOutcome.Ignored, VerbOutcome.Ignored },
        { NodeRole.Secondary, ReplicationStage.FailoverFailed, VerbOutcome.AlreadyRunning, VerbOutcome.NoBackupJob, VerbOutcome.Failed, VerbOutcome.Failed, VerbOutcome.Perform },
        { NodeRole.Secondary, ReplicationStage.Done, VerbOutcome.Ignored, VerbOutcome.Ignored, VerbOutcome.NoError, VerbOutcome.Ignored, VerbOutcome.Ignored },
    };

    public static TheoryData<ReplicationStage, IoRoute, IoRoute, IoRoute, IoRoute, int, int> Routes => new()
    {
        { ReplicationStage.None, IoRoute.Refuse, IoRoute.Refuse, IoRoute.Refuse, IoRoute.Refuse, -5, -5 },
        { ReplicationStage.Running, IoRoute.Forward, IoRoute.Refuse, IoRoute.Active, IoRoute.Chain, 0, 0 },
        { ReplicationStage.Failover, IoRoute.Refuse, IoRoute.Refuse, IoRoute.Split, IoRoute.Chain, -5, 0 },
        { ReplicationStage.FailoverFailed, IoRoute.Refuse, IoRoute.Refuse, IoRoute.Split, IoRoute.Chain, -5, 1 },
        { ReplicationStage.Done, IoRoute.Refuse, IoRoute.Refuse, IoRoute.Direct, IoRoute.Direct, -5, 0 },
    };

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Each_stage_takes_each_verb_as_the_table_says(
        NodeRole mode, ReplicationStage stage, VerbOutcome start, VerbOutcome checkpoint, VerbOutcome getError, VerbOutcome stop, VerbOutcome failover)
    {
        Assert.Equal(start, ReplicationTable.Outcome(mode, stage, ReplicationVerb.Start));
        Assert.Equal(checkpoint, ReplicationTable.Outcome(mode, stage, ReplicationVerb.Checkpoint));
        Assert.Equal(getError, ReplicationTable.Outcome(mode, stage, ReplicationVerb.GetError));
        Assert.Equal(stop, ReplicationTable.Outcome(mode, stage, ReplicationVerb.Stop));
        Assert.Equal(failover, ReplicationTable.Outcome(mode, stage, ReplicationVerb.Stop, failover: true));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public void Each_stage_routes_each_mode_as_the_table_says(
        ReplicationStage stage, IoRoute primaryWrite, IoRoute primaryRead, IoRoute secondaryWrite, IoRoute secondaryRead, int primaryStatus,
        int secondaryStatus)
    {
        Assert.Equal(primaryWrite, ReplicationTable.Write(NodeRole.Primary, stage));
        Assert.Equal(primaryRead, ReplicationTable.Read(NodeRole.Primary, stage));
        Assert.Equal(secondaryWrite, ReplicationTable.Write(NodeRole.Secondary, stage));
        Assert.Equal(secondaryRead, ReplicationTable.Read(NodeRole.Secondary, stage));
        Assert.Equal(primaryStatus, ReplicationTable.StatusValue(NodeRole.Primary, stage));
        Assert.Equal(secondaryStatus, ReplicationTable.StatusValue(NodeRole.Secondary, stage));
    }

    [Fact]
    public void The_service_s_stages_of_a_secondary_are_the_driver_s()
    {
        Assert.Equal(ReplicationStage.Running, ReplicationStages.OfSecondary(NodeStage.Running));
        Assert.Equal(ReplicationStage.Failover, ReplicationStages.OfSecondary(NodeStage.Failover));
        Assert.Equal(ReplicationStage.FailoverFailed, ReplicationStages.OfSecondary(NodeStage.FailoverFailed));
        Assert.Equal(ReplicationStage.Done, ReplicationStages.OfSecondary(NodeStage.Done));
        Assert.Equal(ReplicationStage.Done, ReplicationStages.OfSecondary(NodeStage.Stopped));
        Assert.All((NodeStage[])[NodeStage.None, NodeStage.Syncing, NodeStage.Inconsistent],
            stage => Assert.Equal(ReplicationStage.None, ReplicationStages.OfSecondary(stage)));
    }
}
