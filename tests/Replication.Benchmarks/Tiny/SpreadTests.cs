using Replication.Benchmarks.Load;
using Replication.Benchmarks.Report;

namespace Replication.Benchmarks.Tiny;

public sealed class SpreadTests
{
    [Fact]
    public void The_median_of_an_even_number_is_between_the_middle_two() => Assert.Equal(new Spread(1, 2.5, 4), Spread.Of([4, 1, 3, 2]));

    [Fact]
    public void The_median_of_an_odd_number_is_the_middle_one() => Assert.Equal(new Spread(1, 2, 9), Spread.Of([9, 1, 2]));

    [Fact]
    public void A_percentile_is_right_to_an_eighth()
    {
        var histogram = new LatencyHistogram();
        for (int microseconds = 1; microseconds <= 1000; microseconds++)
            histogram.Add(microseconds * 1000);
        Assert.InRange(histogram.PercentileUs(50), 500, 500 * 1.125);
        Assert.InRange(histogram.PercentileUs(99), 990, 990 * 1.125);
        Assert.InRange(histogram.PercentileUs(100), 1000, 1000 * 1.125);
    }
}
