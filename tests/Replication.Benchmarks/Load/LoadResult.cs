namespace Replication.Benchmarks.Load;

/// <summary>What a load was answered.</summary>
internal sealed record LoadResult(long Requests, TimeSpan Elapsed, double P50Us, double P99Us, double WorstUs)
{
    public double RequestsPerSecond => Requests / Elapsed.TotalSeconds;
}
