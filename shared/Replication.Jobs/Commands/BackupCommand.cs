using Replication.Jobs.Backup;
using Replication.Jobs.Fleecing;

namespace Replication.Jobs.Commands;

/// <summary>What a backup is asked for; QEMU's arguments and defaults.</summary>
public sealed record BackupCommand
{
    /// <summary>The disk's name.</summary>
    public required string Device { get; init; }

    /// <summary>A file, a block device, or an NBD address; or a node's name.</summary>
    public required string Target { get; init; }

    /// <summary>The target is a node that was made before (<c>blockdev-backup</c>).</summary>
    public bool TargetIsNode { get; init; }

    public required BackupSync Sync { get; init; }

    /// <summary>Null: the disk's name.</summary>
    public string? JobId { get; init; }

    /// <summary>The target's; null: as <see cref="TargetMode"/> says.</summary>
    public string? Format { get; init; }

    /// <summary>Whether the target is made.</summary>
    public TargetMode Mode { get; init; } = TargetMode.AbsolutePaths;

    /// <summary>The backing file of an image that is made, as it is written into it; null: none. Ours: QEMU takes the source's.</summary>
    public string? BackingFile { get; init; }

    /// <summary>Format of that file; null: raw.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long SpeedBytesPerSecond { get; init; }

    public string? Bitmap { get; init; }

    public BitmapMode? BitmapMode { get; init; }

    public bool Compress { get; init; }

    public ErrorPolicy OnSourceError { get; init; } = ErrorPolicy.Report;

    public ErrorPolicy OnTargetError { get; init; } = ErrorPolicy.Report;

    public OnCbwError OnCbwError { get; init; } = OnCbwError.BreakGuestWrite;

    /// <summary>Zero: no limit.</summary>
    public TimeSpan CbwTimeout { get; init; }

    /// <summary>Blocks that are in the target are discarded in the source. Refused for a disk that has a guest.</summary>
    public bool DiscardSource { get; init; }

    /// <summary>Name of the node that asks before the guest's writes; null: one is made up.</summary>
    public string? FilterNodeName { get; init; }

    public bool AutoFinalize { get; init; } = true;

    public bool AutoDismiss { get; init; } = true;

    /// <summary>The kernel copies, where both are raw files (<c>x-perf.use-copy-range</c>).</summary>
    public bool UseCopyRange { get; init; }

    /// <summary>Copies under way at once.</summary>
    public int MaxWorkers { get; init; } = 64;

    /// <summary>The longest copy at once; 0: no limit of its own.</summary>
    public long MaxChunkBytes { get; init; }

    /// <summary>The smallest unit of copying; 0: the target's. A power of two.</summary>
    public long MinClusterBytes { get; init; }

    /// <summary>The fleecing export that it is for; null: it is a backup.</summary>
    internal Fleece? Fleece { get; init; }
}

/// <summary>Whether a backup makes its target; QEMU's <c>NewImageMode</c>.</summary>
public enum TargetMode
{
    /// <summary>It is there.</summary>
    Existing,

    /// <summary>It is made.</summary>
    AbsolutePaths,
}
