using Replication.Block;
using Replication.Nbd;

namespace Replication.Jobs.Graph;

/// <summary>A node in use by who shows it; given back when it is disposed.</summary>
/// <param name="node">What it shows.</param>
/// <param name="depth">Which layer has what; null: it has one.</param>
/// <param name="disk">The disk whose moment it shows; null: none's.</param>
/// <param name="releaseAsync">Gives it back.</param>
public sealed class GraphReader(BlockNode node, AllocationDepthContext? depth, string? disk, Func<ValueTask> releaseAsync) : IAsyncDisposable
{
    public BlockNode Node => node;

    public AllocationDepthContext Depth => depth ?? AllocationDepthContext.OfOneLayer;

    public string? Disk => disk;

    public ValueTask DisposeAsync() => releaseAsync();
}
