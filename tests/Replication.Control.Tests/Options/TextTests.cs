using Replication.Control.Options;

namespace Replication.Control.Tests.Options;

public sealed class TextTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("512", 512)]
    [InlineData("64KiB", 64L << 10)]
    [InlineData("1MiB", 1L << 20)]
    [InlineData("10GiB", 10L << 30)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("8388607TiB", 8388607L << 40)]
    public void Sizes_are_read_and_written(string text, long bytes)
    {
        Assert.True(SizeText.TryParse(text, out long parsed));
        Assert.Equal(bytes, parsed);
        Assert.Equal(text, SizeText.Format(bytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("KiB")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1 KiB")]
    [InlineData("1.5KiB")]
    [InlineData("1kb")]
    [InlineData("1kib")]
    [InlineData("8388608TiB")]
    [InlineData("9223372036854775808")]
    public void Other_texts_are_no_sizes(string text) => Assert.False(SizeText.TryParse(text, out _));

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("1500ms", 1500)]
    [InlineData("2s", 2000)]
    [InlineData("1m", 60_000)]
    [InlineData("1h", 3_600_000)]
    public void Durations_are_read_and_written(string text, long ms)
    {
        Assert.True(DurationText.TryParse(text, out TimeSpan parsed));
        Assert.Equal(ms, parsed.TotalMilliseconds);
        Assert.Equal(text, DurationText.Format(parsed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("1")]
    [InlineData("-1s")]
    [InlineData("1 s")]
    [InlineData("1S")]
    [InlineData("0.5s")]
    [InlineData("99999999999s")]
    public void Other_texts_are_no_durations(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Theory]
    [InlineData("http://127.0.0.1:7101", true)]
    [InlineData("http://[::1]:7101", true)]
    [InlineData("http://localhost:0", true)]
    [InlineData("http://host.example:80", false)]
    [InlineData("http://[2001:db8::1]:80", false)]
    [InlineData("unix:/run/control.sock", true)]
    public void Control_addresses_are_read_and_written(string text, bool isLocal)
    {
        Assert.True(ControlAddress.TryParse(text, out ControlAddress? address, out _));
        Assert.Equal(text, address.ToString());
        Assert.Equal(isLocal, address.IsLocal);
    }

    [Theory]
    [InlineData("http://:80")]
    [InlineData("http://::1:80")]
    [InlineData("http://[::1]")]
    [InlineData("http://[::1:80")]
    [InlineData("http://user@host:80")]
    [InlineData("http://host:80?x")]
    [InlineData("ftp://host:80")]
    [InlineData("")]
    public void Other_texts_are_no_control_addresses(string text) => Assert.False(ControlAddress.TryParse(text, out _, out _));
}
