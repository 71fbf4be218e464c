namespace Replication.Control.Qmp;

/// <summary>What a script wants to be exported.</summary>
/// <param name="Id">By which it is removed.</param>
/// <param name="Node">A disk or a node.</param>
/// <param name="Name">By which clients find it.</param>
internal sealed record ExportRequest(string Id, string Node, string Name)
{
    public string Description { get; init; } = "";

    public bool IsWritable { get; init; }

    /// <summary>Bitmaps that clients may ask for, of the disk that is shown or of another one.</summary>
    public IReadOnlyList<(string? Disk, string Name)> Bitmaps { get; init; } = [];

    /// <summary>Clients may ask which layer has what.</summary>
    public bool ShowsDepth { get; init; }
}
