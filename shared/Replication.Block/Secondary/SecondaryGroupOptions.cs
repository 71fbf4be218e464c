using Replication.Block.Files;
using Replication.Block.Overlay;
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

    /// <summary>What takes the live epoch's data once <see cref="Overlays"/> has no room; null: nothing does.</summary>
    public IFileStore? Spill { get; init; }

    /// <summary>Most bytes that overlay files may take in <see cref="Overlays"/>. A part of it is the guest's reserve.</summary>
    public long LimitBytes { get; init; } = long.MaxValue;

    /// <summary>From here on a checkpoint is asked for.</summary>
    public long SoftLimitBytes { get; init; } = long.MaxValue;

    /// <summary>A loss of power is survived, too: see docs/internals/durability.md.</summary>
    public bool Power { get; init; }

    /// <summary>What is believed of the files that the record names: less, where the machine has booted since.</summary>
    public OverlayTrust Trust { get; init; }

    /// <summary>How long the end of a commit waits for requests under way before it counts as failed.</summary>
    public TimeSpan DetachDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether a stage may follow another: the table is whose stages they are. Every record of the group is checked.</summary>
    public Func<NodeStage, NodeStage, bool> MayFollow { get; init; } = static (_, _) => true;

    /// <summary>
    /// Called before a view appears where there was none: everything in it may differ from the last one. What it throws fails the switch. The view is held.
    /// </summary>
    public Func<ValueTask>? ViewAppearing { get; init; }

    /// <summary>Wraps nodes by name, for tests; the wrapper closes what it wraps. Names: docs/internals/faults.md.</summary>
    public Func<BlockNode, BlockNode>? Decorate { get; init; }

    /// <summary>
    /// Told, once an epoch each, that a limit of the overlays is reached: which, bytes used, the limit. On the request's thread; must not block.
    /// </summary>
    public Action<OverlayPressure, long, long>? OnPressure { get; init; }

    /// <summary>Told of every failure on the data path, on the failing request's thread; must not block.</summary>
    public Action<SecondaryFailure, string, BlockException>? OnFailure { get; init; }
}
