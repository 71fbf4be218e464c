using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Benchmarks.Rows;

namespace Replication.Benchmarks;

/// <summary>What there is to measure of backups.</summary>
internal static class Backups
{
    private static readonly LoadPattern s_one = new(IsRead: false, IsRandom: true, 4 << 10, 1);
    private static readonly LoadPattern s_many = s_one with { Depth = 32 };

    /// <summary>What a dirty bitmap costs the guest.</summary>
    public static Table Bitmaps(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants =
        [
            token => BackupHost.WithBitmapAsync(Own("bitmap", options), isPersistent: true, token),
            Own("no bitmap", options),
        ];
        if (options.WithQemu)
        {
            // A raw disk of QEMU's has no place for marks: they are in memory alone.
            contestants.Add(token => BackupHost.WithBitmapAsync(t => BackupHost.StartQemuAsync(options, t), isPersistent: false, token));
        }

        return new Table("bitmap", "A persistent dirty bitmap on a disk, cleared before each load", contestants,
        [
            new LoadRow("bitmap-write-4k-d1", "4 KiB random write, depth 1", s_one, new OwnLoad(), TimeSpan.FromSeconds(options.Seconds)),
            new LoadRow("bitmap-write-4k-d32", "4 KiB random write, depth 32", s_many, new OwnLoad(), TimeSpan.FromSeconds(options.Seconds)),
        ]);
    }

    /// <summary>Readers of a disk as it was, and what they cost its guest.</summary>
    public static Table Fleeces(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants = [Own("ours", options)];
        if (options.WithQemu)
            contestants.Add(token => BackupHost.StartQemuAsync(options, token));
        LoadPattern read = s_many with { IsRead = true };
        return new Table("fleece", "A disk as it was at one moment, read while its guest goes on", contestants,
        [
            new FleeceRow("fleece-read-4k-d32", "4 KiB random read of it, depth 32", read, options),
            new FleeceRow("fleece-read-128k", "128 KiB sequential read of it, depth 8", new LoadPattern(IsRead: true, IsRandom: false, 128 << 10, 8), options),
            new FleecedGuestRow("fleece-write-4k-d1", "4 KiB random write of the guest, depth 1", s_one, options),
            new FleecedGuestRow("fleece-write-4k-d32", "4 KiB random write of the guest, depth 32", s_many, options),
        ]);
    }

    public static Table Jobs(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants = [Own("ours", options)];
        if (options.WithQemu)
            contestants.Add(token => BackupHost.StartQemuAsync(options, token));
        if (options.Before is { } programs)
            contestants.Add(token => BackupHost.StartOwnAsync("before", programs, options, token));
        List<Row> rows =
        [
            Alone("backup-full", "full backup to a raw file, a disk full of data", BackupHost.FullDisk),
            Alone("backup-half", "full backup to a raw file, every other MiB a hole", BackupHost.HalfDisk),
            Alone("backup-offload", "full backup to a raw file by copy_file_range, a disk full of data", BackupHost.FullDisk, usesOffload: true),
            Beside("backup-guest-d1", "4 KiB random write beside a full backup, depth 1", s_one),
            Beside("backup-guest-d32", "4 KiB random write beside a full backup, depth 32", s_many),
            BesideP99("backup-guest-d1-p99", "the same, depth 1: 99th percentile of its latency", s_one),
            BesideP99("backup-guest-d32-p99", "the same, depth 32: 99th percentile of its latency", s_many),
            BesideWorst("backup-guest-d1-worst", "the same, depth 1: the longest wait of a request", s_one),
            BesideWorst("backup-guest-d32-worst", "the same, depth 32: the longest wait of a request", s_many),
            Backup("backup-beside-d1", "the backup beside such a guest, depth 1", s_one),
            Backup("backup-beside-d32", "the backup beside such a guest, depth 32", s_many),
            Limited("backup-limited-d1", "4 KiB random write beside a slow backup, depth 1", s_one),
            Limited("backup-limited-d32", "4 KiB random write beside a slow backup, depth 32", s_many),
            LimitedP99("backup-limited-d1-p99", "the same, depth 1: 99th percentile of its latency", s_one),
            LimitedP99("backup-limited-d32-p99", "the same, depth 32: 99th percentile of its latency", s_many),
        ];
        // Its writer is a program of QEMU's for both.
        if (options.WithQemu)
            rows.Insert(3, Alone("backup-qcow2", "full backup to a qcow2 image, a disk full of data", BackupHost.FullDisk, format: "qcow2"));
        return new Table("backup", "Full backups, alone and beside a guest that writes", contestants, rows);

        Row Alone(string name, string title, string disk, string format = "raw", bool usesOffload = false) =>
            new BackupRow(name, title, new BackupRequest(disk, "target") { Format = format, UsesOffload = usesOffload }, options);

        Row Beside(string name, string title, LoadPattern pattern) =>
            new BackupGuestRow(name, title, "requests/s", moreIsBetter: true, pattern, figures => figures.Load.RequestsPerSecond, options.DiskBytes);

        Row BesideP99(string name, string title, LoadPattern pattern) =>
            new BackupGuestRow(name, title, "µs", moreIsBetter: false, pattern, figures => figures.Load.P99Us, options.DiskBytes);

        Row BesideWorst(string name, string title, LoadPattern pattern) =>
            new BackupGuestRow(name, title, "ms", moreIsBetter: false, pattern, figures => figures.Load.WorstUs / 1000, options.DiskBytes);

        Row Backup(string name, string title, LoadPattern pattern) =>
            new BackupGuestRow(name, title, "MiB/s", moreIsBetter: true, pattern, figures => figures.MebibytesPerSecond, options.DiskBytes);

        Row Limited(string name, string title, LoadPattern pattern) =>
            new LimitedBackupRow(name, title, "requests/s", moreIsBetter: true, pattern, load => load.RequestsPerSecond, options.DiskBytes);

        Row LimitedP99(string name, string title, LoadPattern pattern) =>
            new LimitedBackupRow(name, title, "µs", moreIsBetter: false, pattern, load => load.P99Us, options.DiskBytes);
    }

    private static Func<CancellationToken, Task<IContestant>> Own(string name, BenchOptions options) =>
        token => BackupHost.StartOwnAsync(name, OwnPair.BuiltPrograms, options, token);
}
