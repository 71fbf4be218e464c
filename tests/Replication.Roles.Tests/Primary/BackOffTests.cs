using Replication.Roles.Primary;

namespace Replication.Roles.Tests.Primary;

public sealed class BackOffTests
{
    [Fact]
    public void Waits_grow_from_a_quarter_of_a_second_to_ten_seconds_and_stay_there()
    {
        var backOff = new BackOff(() => 0.5);
        List<TimeSpan> waits = [.. Enumerable.Range(0, 40).Select(_ => backOff.Next())];
        Assert.InRange(waits[0].TotalMilliseconds, 100, 500);
        for (int i = 1; i < waits.Count; i++)
            Assert.True(waits[i] >= waits[i - 1], $"{waits[i - 1]} is followed by {waits[i]}");
        Assert.Equal(TimeSpan.FromSeconds(10), waits[^1]);
        backOff.Reset();
        Assert.Equal(waits[0], backOff.Next());
    }

    [Fact]
    public void The_jitter_is_the_given_randomness_alone()
    {
        Assert.Equal(Series(7), Series(7));
        Assert.NotEqual(Series(7), Series(8));
        Assert.All(Series(7), wait => Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromSeconds(10)));
    }

    private static List<TimeSpan> Series(int seed)
    {
        var backOff = new BackOff(new Random(seed).NextDouble);
        return [.. Enumerable.Range(0, 20).Select(_ => backOff.Next())];
    }
}
