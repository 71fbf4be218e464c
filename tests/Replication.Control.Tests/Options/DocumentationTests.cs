using Replication.Control.Options;

namespace Replication.Control.Tests.Options;

public sealed class DocumentationTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    /// <summary>A key is in the table with its default, or among those that a later version will know.</summary>
    [Fact]
    public void Every_key_is_documented_with_its_default()
    {
        string[] lines = File.ReadAllLines(Path.Combine(s_root, "docs/CONFIGURATION.md"));
        string later = string.Join(' ', lines);
        foreach (SchemaKey key in Schema.Keys)
        {
            string name = key.Path.EndsWith(":*", StringComparison.Ordinal) ? key.Path[..^2] : key.Path.Replace("*", "N", StringComparison.Ordinal);
            if (key.Availability == Availability.Later)
                Assert.Contains($"`{name}`", later, StringComparison.Ordinal);
            else
                Assert.Contains(lines, l => l.StartsWith($"| `{name}` | {Default(key)}", StringComparison.Ordinal));
        }
    }

    private static string Default(SchemaKey key) => key switch
    {
        { Default: { } value } => $"`{value}` |",
        { Needed: Needed.Always } => "*needed* |",
        { Needed: Needed.BySecondary } => "*needed by a secondary* |",
        _ => "",
    };
}
