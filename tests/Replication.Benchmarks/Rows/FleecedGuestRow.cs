using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;

namespace Replication.Benchmarks.Rows;

/// <summary>A guest's writes to a disk that has just been opened for readers: as many as the disk has units of copying.</summary>
internal sealed class FleecedGuestRow(string name, string title, LoadPattern pattern, BenchOptions options)
    : Row(name, title, "requests/s", moreIsBetter: true)
{
    private const int ClusterBytes = 64 << 10;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var host = (BackupHost)contestant;
        await host.Fleecer.OpenAsync(cancellationToken);
        TimeSpan before = ProcessorTime.Of(host.ProcessIds);
        LoadResult load = await new OwnLoad().RunAsync(
            host.Guest, pattern with { MaxRequests = options.DiskBytes / ClusterBytes }, s_patience, cancellationToken);
        TimeSpan used = ProcessorTime.Of(host.ProcessIds) - before;
        await host.Fleecer.CloseAsync(cancellationToken);
        return new Sample(load.RequestsPerSecond, load.P99Us, used.TotalMicroseconds / Math.Max(1, load.Requests));
    }
}
