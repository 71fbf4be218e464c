namespace Replication.Benchmarks;

/// <summary>What a run measures, and how long.</summary>
internal sealed record BenchOptions
{
    /// <summary>How often every row is measured for every contestant.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Length of one load.</summary>
    public double Seconds { get; init; } = 2;

    /// <summary>Names of rows or tables; empty for all.</summary>
    public IReadOnlyList<string> Rows { get; init; } = [];

    /// <summary>Length of each disk; the checkpoint of a dirty disk fills half of it on either side.</summary>
    public long DiskBytes { get; init; } = 1 << 30;

    /// <summary>Where disks, states and overlays are made, in a directory of the run's own.</summary>
    public string DiskDirectory { get; init; } = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    public bool WithQemu { get; init; } = true;

    /// <summary>Loads come from fio instead of our own generator.</summary>
    public bool WithFio { get; init; }

    /// <summary>Disks are put out of the page cache before each backup that has no guest beside it.</summary>
    public bool IsCold { get; init; }

    /// <summary>A directory with other builds of the two hosts, measured beside these: before and after a change, in one run.</summary>
    public string? Before { get; init; }

    /// <summary>Everything that was measured goes there.</summary>
    public string? JsonFile { get; init; }
}
