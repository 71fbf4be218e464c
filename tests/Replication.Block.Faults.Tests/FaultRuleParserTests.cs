namespace Replication.Block.Faults.Tests;

public sealed class FaultRuleParserTests
{
    [Fact]
    public void Every_word_is_read()
    {
        FaultRule rule = FaultRule.Parse(
            "node=disk0.commit op=zero offset=64KiB length=1MiB nth=3 count=2 while=/tmp/on when=after delay=5ms break=b error=ENOSPC kill");
        Assert.Equal("disk0.commit", rule.Node);
        Assert.Equal(BlockOperation.WriteZeroes, rule.Operation);
        Assert.Equal(new BlockRange(64 << 10, 1 << 20), rule.Range);
        Assert.Equal((3, 2), (rule.Nth, rule.Count));
        Assert.Equal("/tmp/on", rule.While);
        Assert.True(rule.After);
        Assert.Equal(TimeSpan.FromMilliseconds(5), rule.Delay);
        Assert.Equal("b", rule.Breakpoint!.Name);
        Assert.Equal(28, rule.Errno);
        Assert.True(rule.Kill);
    }

    [Theory]
    [InlineData("op=write error=EIO", "names no node (node=NAME)")]
    [InlineData("node=disk0", "has no action (delay=DURATION, break=NAME, error=ERRNO or kill)")]
    [InlineData("node=disk0 colour=red", "knows no 'colour' (known: node, op, offset, length, nth, count, while, when, delay, break, error, kill)")]
    [InlineData("node=disk0 op=trim error=EIO", "op=trim: one of read, write, zero, discard, flush, status")]
    [InlineData("node=disk0 error=EFOO", "error=EFOO: one of EIO, ENOSPC, EPERM, ENOMEM, EINVAL, ENOTSUP, ESHUTDOWN, ETIMEDOUT")]
    [InlineData("node=disk0 delay=5", "delay=5: a duration such as 5ms, 2s or 1m")]
    [InlineData("node=disk0 nth=0 kill", "nth=0: a number from 1")]
    [InlineData("node=disk0 offset=-1 kill", "offset=-1: a whole number below 2^32, with its unit where it has one")]
    [InlineData("node=disk0 when=now kill", "when=now: before or after")]
    [InlineData("node=disk0 while=on kill", "while=on: an absolute path without spaces")]
    [InlineData("node=disk0 kill kill", "gives 'kill' twice")]
    [InlineData("node=disk0 kill=yes", "'kill' takes no value")]
    [InlineData("node=disk0 delay", "'delay' needs a value")]
    public void A_bad_rule_is_refused_in_one_line_that_quotes_it(string text, string reason) =>
        Assert.Equal($"fault rule '{text}' {reason}", Assert.Throws<FormatException>(() => FaultRule.Parse(text)).Message);
}
