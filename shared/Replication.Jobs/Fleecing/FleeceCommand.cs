using Replication.Jobs.Backup;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Fleecing;

/// <summary>What a fleecing export is asked for: a disk as it is at this moment, read-only, until it is closed or its lease ends.</summary>
public sealed record FleeceCommand
{
    /// <summary>The disk's name.</summary>
    public required string Device { get; init; }

    /// <summary>The export's name, and its job's; null: one of the disk's and a number.</summary>
    public string? Name { get; init; }

    /// <summary>Only what this bitmap marks is kept and may be read; null: all of the disk.</summary>
    public string? Bitmap { get; init; }

    /// <summary>Where old content is kept: a file, a block device or an NBD address; null: a file of the node's own, which goes with the export.</summary>
    public string? Target { get; init; }

    /// <summary>The target's; null: as <see cref="Mode"/> says.</summary>
    public string? Format { get; init; }

    /// <summary>Whether the target is made.</summary>
    public TargetMode Mode { get; init; } = TargetMode.AbsolutePaths;

    /// <summary>The most old content that is kept; 0: no limit, or half of what is free where the node keeps it in a file of its own.</summary>
    public long QuotaBytes { get; init; }

    /// <summary>How long the export stays where nobody renews it; zero: until it is closed.</summary>
    public TimeSpan Lease { get; init; } = Limits.FleeceLease;

    /// <summary>Unlike a backup's: a reader can begin again, a guest cannot.</summary>
    public OnCbwError OnCbwError { get; init; } = OnCbwError.BreakSnapshot;

    /// <summary>The longest wait of a guest's write for its copy; zero: no limit.</summary>
    public TimeSpan CbwTimeout { get; init; } = Limits.FleeceCbwTimeout;

    /// <summary>
    /// The export does not say that it is read-only, so that clients which do not trim what they cannot write may give back what they have read; writes are
    /// refused all the same.
    /// </summary>
    public bool SaysWritable { get; init; }
}
