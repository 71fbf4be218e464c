using Replication.Block.Files;

namespace Replication.Block.Overlay;

/// <summary>What an <see cref="OverlayStore"/> works with.</summary>
internal sealed record OverlayStoreOptions
{
    public required IFileStore Files { get; init; }

    /// <summary>Takes what <see cref="Files"/> has no room for; null: nothing does.</summary>
    public IFileStore? Spill { get; init; }

    public required IReadOnlyList<(string Name, long LengthBytes)> Disks { get; init; }

    public required int BlockSizeBytes { get; init; }

    public required OverlayRoom Room { get; init; }

    /// <summary>A loss of power is survived, too.</summary>
    public bool Power { get; init; }

    public Func<BlockNode, BlockNode>? Decorate { get; init; }
}
