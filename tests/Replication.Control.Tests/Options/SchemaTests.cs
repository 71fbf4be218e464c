using Replication.Control.Options;

namespace Replication.Control.Tests.Options;

public sealed class SchemaTests
{
    [Fact]
    public void Every_default_is_accepted_by_its_own_kind() =>
        Assert.All(Schema.Keys.Where(k => k.Default is not null), k => Assert.Null(k.Kind.Refusal(k.Default!)));

    [Fact]
    public void No_key_stands_twice() => Assert.Equal(Schema.Keys.Count, Schema.Keys.Select(k => k.Path.ToUpperInvariant()).Distinct().Count());

    [Fact]
    public void A_needed_key_has_no_default() => Assert.All(Schema.Keys.Where(k => k.Needed != Needed.Never), k => Assert.Null(k.Default));
}
