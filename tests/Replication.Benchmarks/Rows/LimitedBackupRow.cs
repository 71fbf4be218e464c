using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;

namespace Replication.Benchmarks.Rows;

/// <summary>
/// A guest's writes beside a backup that is kept slow, so that the guest's own writes make nearly all of the copies: as many writes as the disk has clusters,
/// however long they take, so that both contestants copy as much. Then the job is cancelled.
/// </summary>
internal sealed class LimitedBackupRow(
    string name, string title, string unit, bool moreIsBetter, LoadPattern pattern, Func<LoadResult, double> figure, long diskBytes)
    : Row(name, title, unit, moreIsBetter)
{
    private const int ClusterBytes = 64 << 10;
    private const int SecondsOfAll = 256; // the whole disk would take so long: the load is over long before
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var host = (BackupHost)contestant;
        var request = new BackupRequest(BackupHost.FullDisk, host.PathOf("target")) { BytesPerSecond = diskBytes / SecondsOfAll };
        await host.BeginBackupAsync(request, cancellationToken);
        TimeSpan before = ProcessorTime.Of(host.ProcessIds);
        LoadResult load = await new OwnLoad().RunAsync(
            host.Guest, pattern with { MaxRequests = diskBytes / ClusterBytes }, s_patience, cancellationToken);
        TimeSpan used = ProcessorTime.Of(host.ProcessIds) - before;
        await host.CancelBackupAsync(cancellationToken);
        File.Delete(request.Target);
        File.Delete($"{request.Target}.incomplete");
        return new Sample(figure(load), load.P99Us, used.TotalMicroseconds / Math.Max(1, load.Requests));
    }
}
