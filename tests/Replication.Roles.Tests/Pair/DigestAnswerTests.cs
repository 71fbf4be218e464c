using Replication.Block.State;

namespace Replication.Roles.Tests.Pair;

/// <summary>A peer whose answers are none: the verb fails and is undone, and nothing else comes of it.</summary>
public sealed class DigestAnswerTests
{
    [Fact]
    public async Task Too_few_digests_end_a_start_which_is_undone()
    {
        await using TestPair pair = await TestPair.OpenAsync();
        pair.ToSecondary.AnswerDigests = digests => digests[..^1];
        VerbException failure = await Assert.ThrowsAsync<VerbException>(() => pair.StartAsync());
        Assert.Contains("bytes of digests", failure.Message, StringComparison.Ordinal);
        Assert.Equal(NodeStage.Standalone, pair.Primary.GetStatus().Stage);

        pair.ToSecondary.AnswerDigests = null;
        await pair.StartAsync();
        await pair.DisksAreEqualAsync();
    }

    [Fact]
    public async Task They_end_a_verify_and_not_the_mirror()
    {
        await using TestPair pair = await TestPair.StartedAsync();
        pair.ToSecondary.AnswerDigests = digests => digests[..^1];
        await Assert.ThrowsAsync<VerbException>(() => pair.Primary.VerifyAsync(repair: false, default));
        Assert.Equal(NodeStage.Replicating, pair.Primary.GetStatus().Stage);
    }
}
