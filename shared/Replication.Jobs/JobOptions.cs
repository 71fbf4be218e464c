namespace Replication.Jobs;

/// <summary>What every job is created with; QEMU's defaults.</summary>
public sealed record JobOptions
{
    /// <summary>Letters, digits, <c>-</c>, <c>.</c> and <c>_</c>, a letter first; null: a job of the node's own, which nobody sees.</summary>
    public required string? Id { get; init; }

    public required JobType Type { get; init; }

    /// <summary>Of a backup; null for other jobs.</summary>
    public JobBackup? Backup { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long SpeedBytesPerSecond { get; init; }

    /// <summary>What it did becomes visible when its transaction has succeeded; false: only when <c>finalize</c> is asked for.</summary>
    public bool AutoFinalize { get; init; } = true;

    /// <summary>It ends as soon as it is ready; false: only when <c>complete</c> is asked for.</summary>
    public bool AutoComplete { get; init; }

    /// <summary>It leaves the list at its end; false: only when <c>dismiss</c> is asked for.</summary>
    public bool AutoDismiss { get; init; } = true;
}
