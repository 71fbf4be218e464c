using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Load;
using Replication.Benchmarks.Rows;

namespace Replication.Benchmarks;

/// <summary>What there is to measure.</summary>
internal static class Catalogue
{
    private const int DirtyMiB = 512;

    /// <summary>The tables of a run, with those rows that it asks for.</summary>
    public static IEnumerable<Table> Tables(BenchOptions options) =>
        from table in new[]
        {
            Pair(options), Resync(options), Server(options), Marks(options), Backups.Jobs(options), Backups.Bitmaps(options), Backups.Fleeces(options),
        }
        let rows = options.Rows.Count == 0 || options.Rows.Contains(table.Name) ? table.Rows : [.. table.Rows.Where(row => options.Rows.Contains(row.Name))]
        where rows.Count > 0
        select table with { Rows = rows };

    private static Table Pair(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants = [async token => await OwnPair.StartAsync("ours", OwnPair.BuiltPrograms, options, token)];
        if (options.WithQemu)
            contestants.Add(async token => await QemuPair.StartAsync(options, token));
        if (options.Before is { } programs)
            contestants.Add(async token => await OwnPair.StartAsync("before", programs, options, token));
        long dirtyBytes = Math.Min((long)DirtyMiB << 20, options.DiskBytes / 2);
        return new Table("pair", "Replicating pair: guest on the primary, everything mirrored", contestants,
        [
            Load(options, "write-4k-d1", "4 KiB random write, depth 1", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 1)),
            Load(options, "write-4k-d32", "4 KiB random write, depth 32", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 32)),
            Load(options, "write-128k", "128 KiB sequential write, depth 8", new LoadPattern(IsRead: false, IsRandom: false, 128 << 10, 8)),
            Load(options, "read-4k-d32", "4 KiB random read, depth 32", new LoadPattern(IsRead: true, IsRandom: true, 4 << 10, 32)),
            new LoadRow(
                "read-4k-d32-simple", "4 KiB random read, depth 32, client without structured replies", new LoadPattern(
                    IsRead: true, IsRandom: true, 4 << 10, 32),
                new OwnLoad(structured: false), TimeSpan.FromSeconds(options.Seconds)),
            new PauseRow("pause-0", "checkpoint, nothing dirty: the guest's pause", 0, options.DiskBytes, times => times.Pause),
            new PauseRow("checkpoint-0", "checkpoint, nothing dirty: the whole call", 0, options.DiskBytes, times => times.Call),
            new PauseRow(
                "pause-512", $"checkpoint, {dirtyBytes >> 20} MiB dirty on either side: the guest's pause", dirtyBytes, options.DiskBytes,
                times => times.Pause),
            new PauseRow(
                "checkpoint-512", $"checkpoint, {dirtyBytes >> 20} MiB dirty on either side: the whole call", dirtyBytes, options.DiskBytes,
                times => times.Call),
        ]);
    }

    private static Table Resync(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants = [async token => await OwnPair.StartAsync("ours", OwnPair.BuiltPrograms, options, token)];
        if (options.Before is { } programs)
            contestants.Add(async token => await OwnPair.StartAsync("before", programs, options, token));
        long markedBytes = Math.Min((long)DirtyMiB << 20, options.DiskBytes / 2);
        return new Table("resync", $"A guest's writes while {markedBytes >> 20} MiB are copied again, without a rate", contestants,
        [
            new ResyncRow(
                "resync-p99", "4 KiB random write, depth 8: 99th percentile of its latency", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 8),
                markedBytes, TimeSpan.FromSeconds(options.Seconds)),
        ]);
    }

    private static Table Server(BenchOptions options)
    {
        List<Func<CancellationToken, Task<IContestant>>> contestants = [_ => OwnServer.StartAsync("ours", OwnPair.BuiltPrograms, options)];
        if (IsInstalled("nbdkit"))
        {
            contestants.Add(token => ForeignServer.NbdkitFileAsync(options, token));
            contestants.Add(token => ForeignServer.NbdkitMemoryAsync(options, token));
        }

        if (options.WithQemu && IsInstalled("qemu-nbd"))
            contestants.Add(token => ForeignServer.QemuNbdAsync(options, token));
        if (options.Before is { } programs)
            contestants.Add(_ => OwnServer.StartAsync("before", programs, options));
        return new Table("server", "NBD server alone: a primary without a peer", contestants,
        [
            Load(options, "server-write-4k-d1", "4 KiB random write, depth 1", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 1)),
            Load(options, "server-write-4k-d32", "4 KiB random write, depth 32", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 32)),
            Load(options, "server-write-128k", "128 KiB sequential write, depth 8", new LoadPattern(IsRead: false, IsRandom: false, 128 << 10, 8)),
            Load(options, "server-read-4k-d32", "4 KiB random read, depth 32", new LoadPattern(IsRead: true, IsRandom: true, 4 << 10, 32)),
        ]);
    }

    private static Table Marks(BenchOptions options) => new(
        "marks", "Dirty marks: the data path of a pair in one process, every first write to a block marked before",
        [_ => InProcessPath.StartAsync(marks: true, options), _ => InProcessPath.StartAsync(marks: false, options)],
        [
            Load(options, "marks-write-4k-d1", "4 KiB random write, depth 1", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 1)),
            Load(options, "marks-write-4k-d32", "4 KiB random write, depth 32", new LoadPattern(IsRead: false, IsRandom: true, 4 << 10, 32)),
        ]);

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));

    private static LoadRow Load(BenchOptions options, string name, string title, LoadPattern pattern) =>
        new(name, title, pattern, options.WithFio ? new FioLoad() : new OwnLoad(), TimeSpan.FromSeconds(options.Seconds));
}
