using Replication.Block.State;

namespace Replication.Roles;

/// <summary>When a guest write is acknowledged.</summary>
public enum Acknowledge
{
    /// <summary>When the local and the secondary disk have it.</summary>
    Applied,

    /// <summary>When the local disk has it; the forward follows inside the window.</summary>
    Local,
}

/// <summary>What survives.</summary>
public enum Durability
{
    /// <summary>kill -9 of any process at any time.</summary>
    Process,

    /// <summary>Loss of power, too.</summary>
    Power,
}

public sealed record DiskOptions(string Name, string Path);

/// <param name="Directory">Where active and hidden disk live.</param>
/// <param name="BlockSizeBytes">Unit of tracking and copying.</param>
/// <param name="LimitBytes">The most that overlay files take there.</param>
/// <param name="SoftLimitBytes">From here on a checkpoint is asked for.</param>
public sealed record OverlayOptions(string Directory, int BlockSizeBytes, long LimitBytes, long SoftLimitBytes)
{
    /// <summary>A second directory, which takes what the first one has no room for; null: none.</summary>
    public string? SpillDirectory { get; init; }
}

/// <summary>Whether a detached pair comes back by itself.</summary>
public enum ResyncPolicy
{
    /// <summary>The primary reconnects, and copies what the secondary lacks.</summary>
    Auto,

    /// <summary>It waits for <c>coloctl resync</c>.</summary>
    Manual,
}

public sealed record MirrorOptions(Acknowledge Acknowledge, TimeSpan Deadline, long WindowBytes, bool AllowPlain)
{
    public ResyncPolicy Resync { get; init; } = ResyncPolicy.Auto;

    /// <summary>The most that syncs and resyncs copy, in bytes a second; 0: no limit. Guest writes are not paced.</summary>
    public long ResyncRate { get; init; }
}

/// <param name="Control">The peer's control endpoint as it was configured; null: none.</param>
/// <param name="Mirror">The peer's mirror listener (an NBD address as configured); null: none.</param>
/// <param name="WaitAtStart">How long guest requests are held while a restarted primary waits for its peer's confirmation.</param>
public sealed record PeerOptions(string? Control, string? Mirror, TimeSpan WaitAtStart);

/// <summary>A validated configuration, paths absolute: what a node is opened with. Null parts are not configured.</summary>
public sealed record NodeOptions
{
    public required string Group { get; init; }
    public required string StateDirectory { get; init; }

    /// <summary>The role that an empty state directory gets; what is in the state directory wins.</summary>
    public required NodeRole InitialRole { get; init; }

    public Durability Durability { get; init; }
    public required IReadOnlyList<DiskOptions> Disks { get; init; }
    public OverlayOptions? Overlay { get; init; }
    public required MirrorOptions Mirror { get; init; }
    public required PeerOptions Peer { get; init; }

    /// <summary>This node's own first control address with its port filled in: what AttachMirror tells the secondary.</summary>
    public string OwnControl { get; set; } = "";

    /// <summary>Rules of the fault nodes, for tests only; null or empty: none are loaded.</summary>
    public IReadOnlyList<string>? Faults { get; init; }
}
