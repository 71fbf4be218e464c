using Replication.Rpc.Wire;

namespace Replication.Rpc.Tests.Wire;

public sealed class TimeoutCodecTests
{
    [Theory]
    [InlineData(1, "1u")] // a tick is rounded up
    [InlineData(TimeSpan.TicksPerMillisecond, "1000u")]
    [InlineData(TimeSpan.TicksPerSecond * 99, "99000000u")]
    [InlineData(TimeSpan.TicksPerSecond * 100, "100000m")]
    [InlineData((TimeSpan.TicksPerSecond * 100) + 1, "100001m")]
    [InlineData(TimeSpan.TicksPerHour * 100, "360000S")]
    [InlineData(TimeSpan.TicksPerHour * 30_000_000, "30000000H")]
    [InlineData(long.MaxValue, "99999999H")]
    public void A_timeout_takes_the_finest_unit_that_fits_eight_digits(long ticks, string text) =>
        Assert.Equal(text, TimeoutCodec.Encode(TimeSpan.FromTicks(ticks)));

    [Theory]
    [InlineData("1H", TimeSpan.TicksPerHour)]
    [InlineData("2M", TimeSpan.TicksPerMinute * 2)]
    [InlineData("3S", TimeSpan.TicksPerSecond * 3)]
    [InlineData("4m", TimeSpan.TicksPerMillisecond * 4)]
    [InlineData("5u", TimeSpan.TicksPerMicrosecond * 5)]
    [InlineData("600n", 6)]
    [InlineData("0m", 0)]
    [InlineData("99999999H", TimeSpan.TicksPerHour * 99_999_999)]
    public void Every_unit_is_read(string text, long ticks)
    {
        Assert.True(TimeoutCodec.TryDecode(text, out TimeSpan timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("m")]
    [InlineData("-1m")]
    [InlineData("1x")]
    [InlineData("123456789m")]
    [InlineData("1.5S")]
    public void Anything_else_is_refused(string text) => Assert.False(TimeoutCodec.TryDecode(text, out _));
}
