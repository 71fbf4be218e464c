using System.Text.Json;

namespace Replication.Benchmarks.Report;

/// <summary>Everything that was measured, for other programs.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Write(string path, BenchOptions options, IReadOnlyList<TableResult> results)
    {
        var document = new
        {
            options.Rounds,
            options.Seconds,
            options.DiskBytes,
            options.DiskDirectory,
            Load = options.WithFio ? "fio" : "own",
            Processors = Environment.ProcessorCount,
            Tables = results.Select(table => new
            {
                table.Table.Name,
                Rows = table.Rows.Select(row => new
                {
                    row.Row.Name,
                    row.Row.Unit,
                    Samples = table.Contestants.Zip(row.Samples).ToDictionary(c => c.First, c => c.Second),
                    Ratios = table.Contestants.Skip(1).Select((name, i) => (name, row.Ratio(i + 1))).ToDictionary(r => r.name, r => r.Item2),
                }),
            }),
        };
        File.WriteAllText(path, JsonSerializer.Serialize(document, s_options));
    }
}
