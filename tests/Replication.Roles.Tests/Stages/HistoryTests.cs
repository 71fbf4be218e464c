using Replication.Block.State;

namespace Replication.Roles.Tests.Stages;

public sealed class HistoryTests
{
    private static readonly Generation s_first = Generation.First(Guid.NewGuid());
    private static readonly Generation s_second = s_first.Next(Guid.NewGuid(), 7);
    private static readonly Generation s_rival = s_first.Next(Guid.NewGuid(), 7);

    [Fact]
    public void An_empty_history_relates_to_nothing() => Assert.Equal(HistoryRelation.Unknown, History.Compare([], [s_first]));

    [Fact]
    public void The_same_generation_in_force_is_the_same() => Assert.Equal(HistoryRelation.Same, History.Compare([s_first, s_second], [s_first, s_second]));

    [Fact]
    public void A_successor_supersedes_us() => Assert.Equal(HistoryRelation.TheirsNewer, History.Compare([s_first], [s_first, s_second]));

    [Fact]
    public void We_supersede_an_ancestor() => Assert.Equal(HistoryRelation.OursNewer, History.Compare([s_first, s_second], [s_first]));

    [Fact]
    public void Two_successors_of_one_parent_are_rivals_whatever_their_number() =>
        Assert.Equal(HistoryRelation.Diverged, History.Compare([s_first, s_second], [s_first, s_rival]));

    [Fact]
    public void A_longer_rival_line_is_still_a_rival() =>
        Assert.Equal(HistoryRelation.Diverged, History.Compare([s_first, s_second], [s_first, s_rival, s_rival.Next(Guid.NewGuid(), 9)]));
}
