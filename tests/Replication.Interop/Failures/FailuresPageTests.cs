using System.Text.RegularExpressions;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>docs/FAILURES.md names tests that exist.</summary>
public sealed partial class FailuresPageTests
{
    // The page is no list of wishes: so many are the least.
    private const int LeastTests = 30;

    [Fact]
    public void Every_test_that_the_page_names_exists()
    {
        string page = File.ReadAllText(Path.Combine(Binaries.Root, "docs", "FAILURES.md"));
        (string Class, string Method)[] named = [.. TestName().Matches(page).Select(m => (m.Groups[1].Value, m.Groups[2].Value)).Distinct()];
        Assert.True(named.Length >= LeastTests, $"the page names {named.Length} tests");
        ILookup<string, string> sources = Directory.EnumerateFiles(Path.Combine(Binaries.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories).ToLookup(
            f => Path.GetFileNameWithoutExtension(f));
        Assert.All(named, test => Assert.True(
            sources[test.Class].Any(file => File.ReadAllText(file).Contains($" {test.Method}(", StringComparison.Ordinal)),
            $"docs/FAILURES.md names {test.Class}.{test.Method}, which is not there"));
    }

    [Fact]
    public void Every_failure_of_the_page_has_a_test_or_says_that_there_is_none()
    {
        string[] rows = [.. File.ReadLines(Path.Combine(Binaries.Root, "docs", "FAILURES.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| failure ", StringComparison.Ordinal))];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            string[] cells = row.Trim('|').Split(" | ");
            Assert.True(cells.Length == 5, $"{cells.Length} cells: {row}");
            Assert.True(TestName().IsMatch(cells[4]) || cells[4].Contains("none yet", StringComparison.Ordinal), $"no test: {row}");
        });
    }

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex TestName();
}
