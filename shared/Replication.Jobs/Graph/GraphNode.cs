using Replication.Jobs.Backup;
using Replication.Jobs.Targets;

namespace Replication.Jobs.Graph;

/// <summary>One node of a <see cref="BlockGraph"/>, whose lock guards all that changes.</summary>
/// <param name="options">What was asked for.</param>
/// <param name="file">What it stands on; null: it leads to its target itself.</param>
/// <param name="look">What was found there.</param>
internal sealed class GraphNode(GraphNodeOptions options, GraphNode? file, GraphLook look)
{
    public GraphNodeOptions Options => options;

    public GraphNode? File => file;

    /// <summary>It comes and goes with the node above it.</summary>
    public bool IsOwned { get; init; }

    public GraphLook Look => look;

    /// <summary>The path or address.</summary>
    public string Target => options.Target ?? file!.Target;

    /// <summary>Null: what an address leads to has none of its own.</summary>
    public string? Format => Target.Contains("://", StringComparison.Ordinal) ? null
        : options.Driver == GraphNodeOptions.Qcow2 ? GraphNodeOptions.Qcow2 : GraphNodeOptions.Raw;

    /// <summary>Nodes that stand on it, or have it below them.</summary>
    public int Parents { get; set; }

    /// <summary>What it leads to, while somebody uses it.</summary>
    public BackupTarget? Open { get; set; }

    /// <summary>A job, or readers, who keep it open.</summary>
    public int Users { get; set; }

    /// <summary>A job writes it.</summary>
    public bool HasJob { get; set; }

    /// <summary>It is being opened.</summary>
    public bool IsOpening { get; set; }

    /// <summary>The point in time that is kept in it: what its readers see where a disk is below it.</summary>
    public PointInTime? PointInTime { get; set; }

    public GraphNodeInfo Info => new(options.Name!, options.Driver, Target, look.LengthBytes, options.IsReadOnly, options.Backing);

    public bool IsInUse => Parents > 0 || Users > 0 || IsOpening;
}
