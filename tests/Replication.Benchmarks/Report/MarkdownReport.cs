using System.Globalization;
using Replication.Benchmarks.Rows;

namespace Replication.Benchmarks.Report;

/// <summary>Tables that can be put into docs/BENCHMARKS.md as they are.</summary>
internal static class MarkdownReport
{
    public static void Write(TextWriter target, TableResult result)
    {
        target.WriteLine();
        target.WriteLine($"**{result.Table.Title}**");
        target.WriteLine();
        IEnumerable<string> ratios = result.Contestants.Skip(1).Select(name => $"times {name}");
        string[] headings = ["", .. result.Contestants, .. ratios];
        target.WriteLine($"| {string.Join(" | ", headings)} |");
        target.WriteLine($"|---{string.Concat(Enumerable.Repeat("|---:", headings.Length - 1))}|");
        foreach (RowResult row in result.Rows)
        {
            IEnumerable<string> values = row.Samples.Select(samples => Cell(samples));
            IEnumerable<string> compared = Enumerable.Range(1, result.Contestants.Count - 1).Select(other => Ratio(row.Ratio(other)));
            target.WriteLine($"| {row.Row.Title} ({row.Row.Unit}) | {string.Join(" | ", [.. values, .. compared])} |");
        }
    }

    /// <summary>A line as it is measured.</summary>
    public static string Line(Row row, string contestant, Sample sample)
    {
        string latency = sample.P99Us is { } p99 ? string.Create(CultureInfo.InvariantCulture, $", p99 {p99:F0} µs") : "";
        string processor = sample.ProcessorUs is { } used ? string.Create(CultureInfo.InvariantCulture, $", {used:F1} µs processor time a {row.Work}") : "";
        return $"  {row.Name,-22} {contestant,-16} {Number(sample.Value)} {row.Unit}{latency}{processor}";
    }

    private static string Cell(List<Sample> samples)
    {
        Spread spread = Spread.Of(samples.Select(s => s.Value));
        string processor = samples.All(s => s.ProcessorUs is not null)
            ? string.Create(CultureInfo.InvariantCulture, $"; {Spread.Of(samples.Select(s => s.ProcessorUs!.Value)).Median:F1} µs")
            : "";
        return $"{Number(spread.Median)} ({Number(spread.Least)}–{Number(spread.Most)}{processor})";
    }

    private static string Ratio(Spread ratio) => string.Create(CultureInfo.InvariantCulture, $"**{ratio.Median:F2}** ({ratio.Least:F2}–{ratio.Most:F2})");

    private static string Number(double value) => value.ToString(value >= 100 ? "F0" : "F2", CultureInfo.InvariantCulture);
}
