namespace Replication.Block.Overlay;

/// <summary>The overlays of all disks of the group in one epoch: what the epoch record names by <paramref name="id"/>.</summary>
internal sealed class OverlaySet(ulong id, IReadOnlyList<OverlayLayers> disks) : IAsyncDisposable
{
    /// <summary>Never 0, never used twice.</summary>
    public ulong Id => id;

    /// <summary>In the order of the group's disks.</summary>
    public IReadOnlyList<OverlayLayers> Disks => disks;

    public async ValueTask DisposeAsync()
    {
        foreach (OverlayLayers layers in disks)
            await layers.DisposeAsync();
    }
}
