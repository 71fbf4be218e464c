using Replication.Block.State;
using Replication.Testing;

namespace Replication.Roles.Tests.Pair;

/// <summary>A secondary whose disk no longer answers what a sync asks.</summary>
public sealed class SyncDeadlineTests
{
    [Fact]
    public async Task A_question_for_zeroes_that_is_not_answered_ends_the_start_and_undoes_it()
    {
        var time = new FakeTimeProvider();
        await using var pair = new TestPair { Time = time };
        await pair.OpenPrimaryAsync();
        await pair.OpenSecondaryAsync();
        pair.SecondaryFaults.Add("node=disk0 op=status break=held");
        Task<StartResult> start = pair.StartAsync();
        await pair.SecondaryFaults.Breakpoint("held").WaitForHitsAsync().WaitAsync(TestTimeouts.Patience);
        time.Advance(Limits.StatusQuestionDeadline - TimeSpan.FromSeconds(1));
        Assert.False(start.IsCompleted);
        // What takes the start back has deadlines, too.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return start.IsCompleted;
        });
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => start);
        Assert.Equal(VerbFailure.Failed, failure.Failure);
        Assert.Contains("disk 'disk0'", failure.Message, StringComparison.Ordinal);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);
        pair.SecondaryFaults.Breakpoint("held").Release();
    }
}
