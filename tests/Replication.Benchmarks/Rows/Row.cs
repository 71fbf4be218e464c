using Replication.Benchmarks.Contestants;

namespace Replication.Benchmarks.Rows;

/// <summary>One thing that is measured for every contestant of a table.</summary>
internal abstract class Row(string name, string title, string unit, bool moreIsBetter)
{
    /// <summary>What <c>--rows</c> knows it by.</summary>
    public string Name => name;

    public string Title => title;

    public string Unit => unit;

    /// <summary>What processor time is counted by.</summary>
    public virtual string Work => "request";

    /// <summary>How many times as good <paramref name="ours"/> is as <paramref name="theirs"/>; above 1 is better.</summary>
    public double Ratio(double ours, double theirs) => moreIsBetter ? ours / theirs : theirs / ours;

    public abstract Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken);
}
