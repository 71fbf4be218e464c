using Replication.Block.State;

namespace Replication.Roles;

/// <summary>State of the mirror as the primary sees it. Values are on the wire.</summary>
public enum MirrorState
{
    None = 1,
    Connected = 2,
    Detached = 3,
    Resyncing = 4,
}

/// <summary>One disk in <see cref="NodeStatus"/>; all sizes in bytes.</summary>
/// <param name="Name">The disk's name, which is also its export's.</param>
/// <param name="LengthBytes">Length of the disk.</param>
/// <param name="DirtyBytes">Marked in the persistent dirty bitmap.</param>
/// <param name="ActiveBytes">Marked in the live active overlay.</param>
/// <param name="HiddenBytes">Marked in the live hidden overlay.</param>
public sealed record DiskStatus(string Name, long LengthBytes, long DirtyBytes, long ActiveBytes, long HiddenBytes);

/// <summary>A sync, a comparison or a commit that is under way.</summary>
/// <param name="Activity">"sync", "verify" or "commit".</param>
/// <param name="DoneBytes">Brought to its place so far.</param>
/// <param name="TotalBytes">What there is to do, as far as it is known.</param>
public sealed record ProgressStatus(string Activity, long DoneBytes, long TotalBytes);

/// <summary>What <c>status</c> shows of one node: one consistent snapshot.</summary>
public sealed record NodeStatus
{
    public required string Group { get; init; }
    public required NodeRole Role { get; init; }
    public required NodeStage Stage { get; init; }
    public required Generation Generation { get; init; }
    public required ulong Epoch { get; init; }
    public required MirrorState Mirror { get; init; }

    /// <summary>"nbd"; empty without a mirror.</summary>
    public required string MirrorTransport { get; init; }

    public required IReadOnlyList<DiskStatus> Disks { get; init; }

    /// <summary>The oldest unacknowledged error's text; null where there is none.</summary>
    public string? Error { get; init; }

    /// <summary>Secondary: its disk may lack a primary write (invariant Whole).</summary>
    public bool Incomplete { get; init; }

    public ProgressStatus? Progress { get; init; }
    public long CommitElapsedMs { get; init; }
    public long CommittedBytes { get; init; }

    /// <summary>Role and stage as a message names them.</summary>
    public string RoleAndStage => $"{StageTable.NameOf(Role)} in stage {StageTable.NameOf(Stage)}";
}
