using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Block;
using Replication.Nbd;

namespace Replication.Benchmarks.Rows;

/// <summary>
/// Reads of a disk as it was: its guest has overwritten half of it since, so half of what is read has been copied, and half is still in the disk.
/// </summary>
internal sealed class FleeceRow(string name, string title, LoadPattern pattern, BenchOptions options) : Row(name, title, "requests/s", moreIsBetter: true)
{
    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var host = (BackupHost)contestant;
        NbdAddress address = await host.Fleecer.OpenAsync(cancellationToken);
        await OwnLoad.FillAsync(host.Guest, new BlockRange(0, options.DiskBytes / 2), cancellationToken);
        TimeSpan before = ProcessorTime.Of(host.ProcessIds);
        LoadResult load = await new OwnLoad().RunAsync(address, pattern, TimeSpan.FromSeconds(options.Seconds), cancellationToken);
        TimeSpan used = ProcessorTime.Of(host.ProcessIds) - before;
        await host.Fleecer.CloseAsync(cancellationToken);
        return new Sample(load.RequestsPerSecond, load.P99Us, used.TotalMicroseconds / Math.Max(1, load.Requests));
    }
}
