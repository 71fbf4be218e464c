namespace Replication.Benchmarks.Contestants;

/// <summary>A full backup.</summary>
/// <param name="Disk">The name of the disk.</param>
/// <param name="Target">The file that is made.</param>
internal sealed record BackupRequest(string Disk, string Target)
{
    public string Format { get; init; } = "raw";

    /// <summary>0: as fast as it goes.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>The kernel may copy from file to file (<c>x-perf.use-copy-range</c>).</summary>
    public bool UsesOffload { get; init; }
}
