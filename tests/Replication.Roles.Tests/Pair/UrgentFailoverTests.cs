using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A failover is the urgent verb: it waits for nobody longer than it was told to, and not behind verbs that wait for a dead peer.</summary>
public sealed class UrgentFailoverTests
{
    [Theory]
    [InlineData(null, 5000)]
    [InlineData(700, 700)]
    [InlineData(60_000, 5000)]
    public async Task A_secondary_waits_for_a_hung_primary_as_long_as_it_was_told_and_five_seconds_at_most(int? patienceMs, int waitsMs)
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        await pair.StartAsync();
        pair.ToPrimary.HangAt = nameof(IReplicationPeer.HoldAsync);
        Task<FailoverResult> failover = pair.Secondary!.FailoverAsync(force: false, patienceMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null, default);
        await Eventually.TrueAsync(() => pair.ToPrimary.Hanging > 0);
        time.Advance(TimeSpan.FromMilliseconds(waitsMs - 1));
        Assert.False(failover.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False((await failover.WaitAsync(TestTimeouts.Patience)).PrimaryFenced);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_primary_goes_on_alone_without_waiting_behind_verbs_that_wait_for_a_hung_peer(bool behindStop)
    {
        await using TestPair pair = await TestPair.StartedAsync();
        BegunCheckpoint begun = await pair.Primary.BeginCheckpointAsync(0, null, default);
        pair.ToSecondary.IsCut = true;
        await pair.Primary.EndCheckpointAsync(begun.Epoch, CheckpointOutcome.Unknown, default);
        pair.ToSecondary.IsCut = false;
        pair.ToSecondary.HangAt = nameof(IReplicationPeer.GetPositionAsync);
        Task first = behindStop ? pair.Primary.StopAsync(default) : pair.Primary.BeginCheckpointAsync(0, null, default);
        await Eventually.TrueAsync(() => pair.ToSecondary.Hanging > 0);
        Task[] waiting =
            [first, pair.Primary.BeginCheckpointAsync(0, null, default), pair.Primary.StopAsync(default), pair.Primary.BeginCheckpointAsync(0, null, default)];
        FailoverResult alone = await pair.Primary.FailoverAsync(force: false, default).WaitAsync(TestTimeouts.Patience);
        Assert.Equal((2UL, NodeStage.Standalone), (alone.Generation.Number, pair.Primary.GetStatus().Stage));
        await pair.Guest().WriteAsync(0, new byte[4096]);
        foreach (Task verb in waiting)
            await Assert.ThrowsAsync<VerbException>(() => verb.WaitAsync(TestTimeouts.Patience));
    }
}
