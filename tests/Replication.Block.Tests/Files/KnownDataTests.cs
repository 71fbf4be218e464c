using Replication.Block.Files;

namespace Replication.Block.Tests.Files;

public sealed class KnownDataTests
{
    private static readonly BlockRange s_run = new(4096, 8192);

    private readonly KnownData _known = new();

    [Theory]
    [InlineData(4095, false)]
    [InlineData(4096, true)]
    [InlineData(12287, true)]
    [InlineData(12288, false)]
    public void A_run_that_was_learnt_is_known_from_its_first_byte_to_its_last(long offsetBytes, bool isKnown)
    {
        Learn();
        Assert.Equal(isKnown, _known.TryFind(offsetBytes, out long endBytes, out _));
        Assert.Equal(s_run.EndBytes, endBytes);
    }

    [Theory]
    [InlineData(0, 4096, true)]
    [InlineData(0, 4097, false)]
    [InlineData(12287, 1, false)]
    [InlineData(12288, 4096, true)]
    public void A_hole_in_it_makes_it_unknown_and_one_beside_it_does_not(long offsetBytes, long lengthBytes, bool isKnown)
    {
        Learn();
        _known.Forget(new BlockRange(offsetBytes, lengthBytes));
        Assert.Equal(isKnown, _known.TryFind(s_run.OffsetBytes, out _, out _));
    }

    [Fact]
    public void What_was_looked_up_while_a_hole_was_punched_is_not_learnt()
    {
        _known.TryFind(s_run.OffsetBytes, out _, out long asOf);
        _known.Forget(s_run);
        _known.Learn(s_run, asOf);
        Assert.False(_known.TryFind(s_run.OffsetBytes, out _, out _));
    }

    private void Learn()
    {
        Assert.False(_known.TryFind(s_run.OffsetBytes, out _, out long asOf));
        _known.Learn(s_run, asOf);
    }
}
