using Replication.Block.State;

namespace Replication.Roles.Tests.Stages;

/// <summary>Every stage × verb and stage × stage of both roles, against tables written down a second time, by hand.</summary>
public sealed class StageTableTests
{
    // A column a verb: start, checkpoint (node), begin, commit, stop, failover, attach, hold, resync, verify. '+' takes, '-' refuses.
    private static readonly (NodeRole Role, NodeStage Stage, string Verbs)[] s_verbs =
    [
        (NodeRole.Primary, NodeStage.Standalone, "++---+-+--"),
        (NodeRole.Primary, NodeStage.Waiting, "+----+-++-"),
        (NodeRole.Primary, NodeStage.Syncing, "-----+-+--"),
        (NodeRole.Primary, NodeStage.Replicating, "-++-++-+++"),
        (NodeRole.Primary, NodeStage.Detached, "++---+-++-"),
        (NodeRole.Primary, NodeStage.Resyncing, "++---+-++-"),
        (NodeRole.Primary, NodeStage.Stopped, "+----+-+--"),
        (NodeRole.Primary, NodeStage.Fenced, "-------+--"),
        (NodeRole.Secondary, NodeStage.None, "+-----+---"),
        (NodeRole.Secondary, NodeStage.Syncing, "+--+--+---"),
        (NodeRole.Secondary, NodeStage.Running, "++-+-++---"),
        (NodeRole.Secondary, NodeStage.Inconsistent, "+-----+---"),
        (NodeRole.Secondary, NodeStage.Failover, "-----+----"),
        (NodeRole.Secondary, NodeStage.FailoverFailed, "-----+----"),
        (NodeRole.Secondary, NodeStage.Done, "-----+----"),
        (NodeRole.Secondary, NodeStage.Stopped, "+-----+---"),
    ];

    public static TheoryData<NodeRole, NodeStage, string> Rows()
    {
        var rows = new TheoryData<NodeRole, NodeStage, string>();
        foreach ((NodeRole role, NodeStage stage, string verbs) in s_verbs)
            rows.Add(role, stage, verbs);
        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Every_stage_takes_exactly_its_verbs(NodeRole role, NodeStage stage, string verbs)
    {
        foreach (Verb verb in Enum.GetValues<Verb>())
        {
            bool takes = verbs[(int)verb] == '+';
            Assert.True(takes == StageTable.Takes(role, stage, verb), $"{role} {stage} {verb}");
            if (takes)
                StageTable.Check(role, stage, verb);
            else
                Assert.Equal(VerbFailure.Refused, Assert.Throws<VerbException>(() => StageTable.Check(role, stage, verb)).Failure);
        }
    }

    [Fact]
    public void Every_stage_of_both_roles_is_in_the_table()
    {
        foreach (NodeRole role in Enum.GetValues<NodeRole>())
            Assert.Equal(StageTable.StagesOf(role).Order(), s_verbs.Where(row => row.Role == role).Select(row => row.Stage).Order());
    }

    [Fact]
    public void A_refusal_names_role_stage_and_verb()
    {
        var refusal = Assert.Throws<VerbException>(() => StageTable.Check(NodeRole.Secondary, NodeStage.None, Verb.Failover));
        Assert.Equal("failover is refused: the secondary is none; run start first", refusal.Message);
    }

    [Fact]
    public void A_refusal_says_the_way_out()
    {
        var refusal = Assert.Throws<VerbException>(() => StageTable.Check(NodeRole.Primary, NodeStage.Detached, Verb.Stop));
        Assert.Equal("stop is refused: the primary is detached; run resync first", refusal.Message);
    }

    // The stages that may follow.
    private static readonly (NodeRole Role, NodeStage Stage, NodeStage[] Next)[] s_next =
    [
        (NodeRole.Primary, NodeStage.Standalone, [NodeStage.Syncing, NodeStage.Waiting, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Waiting, [NodeStage.Syncing, NodeStage.Detached, NodeStage.Standalone, NodeStage.Stopped, NodeStage.Fenced]),
        (
            NodeRole.Primary, NodeStage.Syncing,
            [NodeStage.Replicating, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Detached, NodeStage.Stopped, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Replicating, [NodeStage.Detached, NodeStage.Stopped, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Detached, [NodeStage.Syncing, NodeStage.Resyncing, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Resyncing, [NodeStage.Replicating, NodeStage.Detached, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Stopped, [NodeStage.Syncing, NodeStage.Standalone, NodeStage.Waiting, NodeStage.Fenced]),
        (NodeRole.Primary, NodeStage.Fenced, [NodeStage.Standalone]),
        (NodeRole.Secondary, NodeStage.None, [NodeStage.Syncing]),
        (NodeRole.Secondary, NodeStage.Syncing, [NodeStage.Running, NodeStage.None, NodeStage.Stopped]),
        (NodeRole.Secondary, NodeStage.Running, [NodeStage.Failover, NodeStage.Stopped, NodeStage.Inconsistent, NodeStage.Syncing]),
        (NodeRole.Secondary, NodeStage.Inconsistent, [NodeStage.Syncing]),
        (NodeRole.Secondary, NodeStage.Failover, [NodeStage.Done, NodeStage.FailoverFailed, NodeStage.Inconsistent]),
        (NodeRole.Secondary, NodeStage.FailoverFailed, [NodeStage.Failover, NodeStage.Inconsistent]),
        (NodeRole.Secondary, NodeStage.Done, []),
        (NodeRole.Secondary, NodeStage.Stopped, [NodeStage.Syncing, NodeStage.Inconsistent]),
    ];

    public static TheoryData<NodeRole, NodeStage, NodeStage[]> Transitions()
    {
        var rows = new TheoryData<NodeRole, NodeStage, NodeStage[]>();
        foreach ((NodeRole role, NodeStage stage, NodeStage[] next) in s_next)
            rows.Add(role, stage, next);
        return rows;
    }

    [Theory]
    [MemberData(nameof(Transitions))]
    public void Every_stage_is_followed_by_exactly_these(NodeRole role, NodeStage stage, NodeStage[] next)
    {
        foreach (NodeStage other in Enum.GetValues<NodeStage>())
            Assert.True(next.Contains(other) == StageTable.MayFollow(role, stage, other), $"{role} {stage} -> {other}");
    }

    [Fact]
    public void Nothing_follows_done()
    {
        foreach (NodeStage next in Enum.GetValues<NodeStage>())
            Assert.False(StageTable.MayFollow(NodeRole.Secondary, NodeStage.Done, next));
    }

    [Fact]
    public void Every_primary_stage_but_fenced_may_be_fenced()
    {
        foreach (NodeStage stage in StageTable.StagesOf(NodeRole.Primary).Where(stage => stage != NodeStage.Fenced))
            Assert.True(StageTable.MayFollow(NodeRole.Primary, stage, NodeStage.Fenced), stage.ToString());
    }
}
