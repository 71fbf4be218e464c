using System.Diagnostics;
using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;

namespace Replication.Benchmarks.Rows;

/// <summary>
/// A guest's writes while its disk is copied as fast as it goes, from the job's command to its success. The target is compared with what the disk was.
/// </summary>
internal sealed class BackupGuestRow(
    string name, string title, string unit, bool moreIsBetter, LoadPattern pattern, Func<BackupGuestRow.Figures, double> figure, long diskBytes)
    : Row(name, title, unit, moreIsBetter)
{
    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var host = (BackupHost)contestant;
        var request = new BackupRequest(BackupHost.FullDisk, host.PathOf("target"));
        string moment = host.PathOf("moment");
        File.Copy(host.DiskPath(BackupHost.FullDisk), moment, overwrite: true);
        long began = 0;
        TimeSpan elapsed = default;
        // The load ends with the job, and begins behind its moment: what it writes must not be in the target.
        LoadResult load = await new OwnLoad().RunBesideAsync(host.Guest, pattern, BeginAsync, EndAsync, cancellationToken);
        await TargetCheck.SameAsync(moment, request);
        File.Delete(request.Target);
        File.Delete(moment);
        return new Sample(figure(new Figures(load, diskBytes / elapsed.TotalSeconds / (1 << 20))), load.P99Us);

        async Task BeginAsync()
        {
            began = Stopwatch.GetTimestamp();
            await host.BeginBackupAsync(request, cancellationToken);
        }

        async Task EndAsync()
        {
            await host.EndBackupAsync(request, cancellationToken);
            elapsed = Stopwatch.GetElapsedTime(began);
        }
    }

    /// <summary>What both got.</summary>
    /// <param name="Load">The guest.</param>
    /// <param name="MebibytesPerSecond">The backup.</param>
    internal sealed record Figures(LoadResult Load, double MebibytesPerSecond);
}
