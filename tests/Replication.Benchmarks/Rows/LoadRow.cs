using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;

namespace Replication.Benchmarks.Rows;

/// <summary>Requests per second of a load.</summary>
internal sealed class LoadRow(string name, string title, LoadPattern pattern, ILoadGenerator generator, TimeSpan length)
    : Row(name, title, "requests/s", moreIsBetter: true)
{
    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        await contestant.PrepareAsync(cancellationToken);
        TimeSpan before = ProcessorTime.Of(contestant.ProcessIds);
        LoadResult result = await generator.RunAsync(contestant.Guest, pattern, length, cancellationToken);
        TimeSpan used = ProcessorTime.Of(contestant.ProcessIds) - before;
        return new Sample(result.RequestsPerSecond, result.P99Us, used.TotalMicroseconds / Math.Max(1, result.Requests));
    }
}
