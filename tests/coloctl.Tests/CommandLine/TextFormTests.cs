using Replication.Controller.CommandLine;
using Replication.Controller.Output;

namespace Replication.Controller.Tests.CommandLine;

public sealed class TextFormTests
{
    [Theory]
    [InlineData("512", 512)]
    [InlineData("64KiB", 64 << 10)]
    [InlineData("1MiB", 1 << 20)]
    [InlineData("10GiB", 10L << 30)]
    public void Sizes_are_read(string text, long bytes)
    {
        Assert.True(SizeText.TryParse(text, out long read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("KiB")]
    [InlineData("-1")]
    [InlineData("1.5MiB")]
    [InlineData("1MB")]
    [InlineData("1 MiB")]
    [InlineData("99999999999TiB")]
    public void What_is_no_size_is_refused(string text) => Assert.False(SizeText.TryParse(text, out _));

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("2s", 2_000)]
    [InlineData("0.5s", 500)]
    [InlineData("1m", 60_000)]
    [InlineData("3", 3_000)]
    public void Durations_are_read(string text, double ms)
    {
        Assert.True(DurationText.TryParse(text, out TimeSpan read));
        Assert.Equal(ms, read.TotalMilliseconds);
    }

    [Fact]
    public void A_text_from_elsewhere_becomes_one_line_without_escapes() =>
        Assert.Equal("a b [31mc", OneLine.Of("a\r\nb \x1b[31mc"));
}
