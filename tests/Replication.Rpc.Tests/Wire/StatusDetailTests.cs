using Replication.Rpc.Wire;

namespace Replication.Rpc.Tests.Wire;

public sealed class StatusDetailTests
{
    [Theory]
    [InlineData("plain text stays", "plain text stays")]
    [InlineData("100%", "100%25")]
    [InlineData("ä", "%C3%A4")]
    [InlineData("a\nb", "a%0Ab")]
    public void Text_is_escaped_and_comes_back(string text, string encoded)
    {
        Assert.Equal(encoded, StatusDetail.Encode(text));
        Assert.Equal(text, StatusDetail.Decode(encoded));
    }

    [Theory]
    [InlineData("%")]
    [InlineData("%4")]
    [InlineData("%zz")]
    public void A_broken_escape_stays_as_it_is(string text) => Assert.Equal(text, StatusDetail.Decode(text));

    [Fact]
    public void A_long_text_is_cut_to_the_limit() => Assert.InRange(StatusDetail.Encode(new string('ä', 10_000)).Length, 1, Limits.StatusDetailBytes);
}
