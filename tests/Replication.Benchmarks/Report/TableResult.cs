using Replication.Benchmarks.Rows;

namespace Replication.Benchmarks.Report;

/// <summary>All samples of a table: by row, by contestant, by round.</summary>
internal sealed record TableResult(Table Table, IReadOnlyList<string> Contestants, IReadOnlyList<RowResult> Rows);

/// <summary>A row's samples: one list per contestant, in its order, one sample per round.</summary>
internal sealed record RowResult(Row Row, IReadOnlyList<List<Sample>> Samples)
{
    public double Median(int contestant) => Spread.Of(Samples[contestant].Select(s => s.Value)).Median;

    /// <summary>How many times as good the first contestant was, round by round.</summary>
    public Spread Ratio(int other) => Spread.Of(Samples[0].Zip(Samples[other], (ours, theirs) => Row.Ratio(ours.Value, theirs.Value)));
}
