using System.Diagnostics;
using Replication.Benchmarks.Contestants;

namespace Replication.Benchmarks.Rows;

/// <summary>MiB of the disk per second of a full backup, from the command to the event of its success. Every target is compared with the disk.</summary>
internal sealed class BackupRow(string name, string title, BackupRequest backup, BenchOptions options) : Row(name, title, "MiB/s", moreIsBetter: true)
{
    public override string Work => "MiB";

    public override async Task<Sample> MeasureAsync(IContestant contestant, CancellationToken cancellationToken)
    {
        var host = (BackupHost)contestant;
        BackupRequest request = backup with { Target = host.PathOf(backup.Target) };
        if (options.IsCold)
            await DiskImage.DropFromCacheAsync(host.DiskPath(backup.Disk));
        TimeSpan before = ProcessorTime.Of(host.ProcessIds);
        long began = Stopwatch.GetTimestamp();
        await host.BackupAsync(request, cancellationToken);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(began);
        TimeSpan used = ProcessorTime.Of(host.ProcessIds) - before;
        await TargetCheck.SameAsync(host.DiskPath(backup.Disk), request);
        File.Delete(request.Target);
        double mebibytes = options.DiskBytes / (double)(1 << 20);
        return new Sample(mebibytes / elapsed.TotalSeconds, ProcessorUs: used.TotalMicroseconds / mebibytes);
    }
}
