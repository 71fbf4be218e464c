using Replication.Block.State;
using Replication.Roles.Primary;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

public class ReconnectPaceTests
{
    private static readonly PeerPosition s_position = new(NodeRole.Secondary, NodeStage.Running, [Generation.First(Guid.NewGuid())], 1);

    private readonly FakeTimeProvider _time = new();
    private readonly ReconnectPace _pace;

    public ReconnectPaceTests() => _pace = new ReconnectPace(_time, () => 0.5);

    [Fact]
    public void A_pair_that_comes_back_and_is_lost_at_once_waits_longer_each_time()
    {
        TimeSpan last = TimeSpan.Zero;
        for (int outage = 0; outage < 5; outage++)
        {
            _pace.Begin();
            TimeSpan waited = WaitUntilDue();
            Assert.True(waited >= last, $"{waited} after {last}");
            last = waited;
            _pace.Tried();
        }

        Assert.True(last > TimeSpan.FromSeconds(1), $"{last}");
    }

    [Fact]
    public void A_session_that_has_lived_long_ends_the_series()
    {
        _pace.Begin();
        for (int attempt = 0; attempt < 5; attempt++)
            _pace.Tried();
        _time.Advance(Limits.ReconnectLongestWait + TimeSpan.FromSeconds(1));
        _pace.Begin();
        Assert.True(_pace.IsDue(s_position));
    }

    [Fact]
    public void What_needs_an_operator_is_not_tried_again_before_the_pair_is_lost_anew()
    {
        _pace.Begin();
        _pace.Block(s_position);
        Assert.False(_pace.IsDue(s_position));
        _pace.Begin();
        Assert.True(_pace.IsDue(s_position));
    }

    [Fact]
    public void A_peer_that_was_restarted_between_two_questions_is_tried_again()
    {
        _pace.Begin();
        _pace.Block(s_position);
        Assert.False(_pace.IsDue(s_position));
        Assert.True(_pace.IsDue(s_position with { Incarnation = Guid.NewGuid() }));
    }

    private TimeSpan WaitUntilDue()
    {
        TimeSpan waited = TimeSpan.Zero;
        TimeSpan step = TimeSpan.FromMilliseconds(10);
        for (; !_pace.IsDue(s_position); waited += step)
            _time.Advance(step);
        return waited;
    }
}
