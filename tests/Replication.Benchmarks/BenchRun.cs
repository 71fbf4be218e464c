using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Report;
using Replication.Benchmarks.Rows;

namespace Replication.Benchmarks;

/// <summary>
/// Measures all tables. All contestants of a table live at the same time and take turns row by row, the order reversed in every other round: what the machine
/// does to one it does to the others, so ratios hold where absolute figures do not.
/// </summary>
internal sealed class BenchRun(BenchOptions options, TextWriter output)
{
    public async Task<IReadOnlyList<TableResult>> RunAsync(CancellationToken cancellationToken)
    {
        List<TableResult> results = [];
        foreach (Table table in Catalogue.Tables(options))
        {
            results.Add(await MeasureAsync(table, cancellationToken));
            if (options.JsonFile is { } path)
                JsonReport.Write(path, options, results);
        }

        if (results.Count == 0)
            throw new BenchException($"no row is called {string.Join(" or ", options.Rows)}");
        foreach (TableResult result in results)
            MarkdownReport.Write(output, result);
        return results;
    }

    private async Task<TableResult> MeasureAsync(Table table, CancellationToken cancellationToken)
    {
        output.WriteLine($"{table.Name}: {table.Title}");
        List<IContestant> contestants = [];
        try
        {
            foreach (Func<CancellationToken, Task<IContestant>> start in table.Contestants)
                contestants.Add(await start(cancellationToken));
            var rows = table.Rows.Select(row => new RowResult(row, [.. contestants.Select(_ => new List<Sample>())])).ToList();
            await WarmUpAsync(table, contestants, cancellationToken);
            for (int round = 0; round < options.Rounds; round++)
            {
                foreach (RowResult row in rows)
                    await MeasureAsync(row, contestants, reversed: round % 2 == 1, cancellationToken);
            }

            foreach (IPair pair in contestants.OfType<IPair>())
                CheckEqual(pair);
            return new TableResult(table, [.. contestants.Select(c => c.Name)], rows);
        }
        finally
        {
            foreach (IContestant contestant in contestants)
                await contestant.DisposeAsync();
        }
    }

    /// <summary>Services run for months: the first seconds, in which code is compiled and files get their first pages, are nobody's figure.</summary>
    private static async Task WarmUpAsync(Table table, List<IContestant> contestants, CancellationToken cancellationToken)
    {
        foreach (Row row in table.Rows)
        {
            foreach (IContestant contestant in contestants)
                await row.MeasureAsync(contestant, cancellationToken);
        }
    }

    private async Task MeasureAsync(RowResult row, List<IContestant> contestants, bool reversed, CancellationToken cancellationToken)
    {
        IEnumerable<int> order = Enumerable.Range(0, contestants.Count);
        foreach (int i in reversed ? order.Reverse() : order)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Sample sample = await row.Row.MeasureAsync(contestants[i], cancellationToken);
            row.Samples[i].Add(sample);
            output.WriteLine(MarkdownReport.Line(row.Row, contestants[i].Name, sample));
        }
    }

    /// <summary>A pair that did not mirror would win every row.</summary>
    private static void CheckEqual(IPair pair)
    {
        if (DiskImage.FirstDifference(pair.PrimaryDisk, pair.SecondaryDisk) is { } offset)
            throw new BenchException($"the disks of {pair.Name} differ from byte {offset} on");
    }
}
