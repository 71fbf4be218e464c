namespace Replication.Jobs.Graph;

/// <summary>What <c>blockdev-add</c> asks for: a file, a block device or an NBD export, or a format above one.</summary>
public sealed record GraphNodeOptions
{
    public const string Raw = "raw";
    public const string Qcow2 = "qcow2";
    public const string Nbd = "nbd";

    /// <summary>Null: only a node that stands below another one may have none.</summary>
    public string? Name { get; init; }

    /// <summary>QEMU's name of what it is.</summary>
    public required string Driver { get; init; }

    /// <summary>A path or an NBD address; null: it stands on another node.</summary>
    public string? Target { get; init; }

    /// <summary>What it stands on, made with it.</summary>
    public GraphNodeOptions? File { get; init; }

    /// <summary>What it stands on, by its name.</summary>
    public string? FileNode { get; init; }

    /// <summary>The node below the image, by its name, instead of the backing file that is written in it.</summary>
    public string? Backing { get; init; }

    /// <summary>Nothing is below the image, whatever is written in it.</summary>
    public bool HasNoBacking { get; init; }

    public bool IsReadOnly { get; init; }
}
