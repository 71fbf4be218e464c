using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Block.Secondary;

/// <summary>What a secondary's group is opened with.</summary>
public sealed record SecondaryGroupOptions
{
    /// <summary>The secondary disks, open; they stay the caller's.</summary>
    public required IReadOnlyList<(string Name, BlockNode Node)> Disks { get; init; }

    /// <summary>Where the overlays are.</summary>
    public required IFileStore Overlays { get; init; }

    /// <summary>Record and dirty bitmaps; stays the caller's.</summary>
    public required StateDirectory State { get; init; }

    /// <summary>Unit of tracking and copying: 4 KiB to 1 MiB, a power of two.</summary>
    public int BlockSizeBytes { get; init; } = 4096;

    public required TimeProvider Time { get; init; }

    public required IBackgroundWorker Worker { get; init; }

    /// <summary>False where the machine has booted since: overlays that the record names are not used, and removed.</summary>
    public bool TrustOverlays { get; init; } = true;

    /// <summary>How long the end of a commit waits for requests under way before it counts as failed.</summary>
    public TimeSpan DetachDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Wraps nodes by name, for tests; the wrapper closes what it wraps. Names: <c>DISK.active</c>, <c>DISK.hidden</c>, their <c>….marks</c>, <c>DISK.commit</c>, <c>DISK.dirty</c>.</summary>
    public Func<BlockNode, BlockNode>? Decorate { get; init; }

    /// <summary>Told of every failure on the data path, on the failing request's thread; must not block.</summary>
    public Action<SecondaryFailure, string, BlockException>? OnFailure { get; init; }
}
