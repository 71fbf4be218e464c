namespace Replication.Block.Overlay;

/// <summary>The overlays of all disks of the group in one epoch: what the epoch record names by <paramref name="id"/>.</summary>
internal sealed class OverlaySet(ulong id, IReadOnlyList<OverlayLayers> disks) : IAsyncDisposable
{
    private readonly List<Task> _uses = []; // by who switches

    /// <summary>Never 0, never used twice.</summary>
    public ulong Id => id;

    /// <summary>In the order of the group's disks.</summary>
    public IReadOnlyList<OverlayLayers> Disks => disks;

    public IEnumerable<OverlayFile> Files => disks.SelectMany(layers => (IEnumerable<OverlayFile>)[.. layers.Active.Files, .. layers.Hidden.Files]);

    /// <summary>What its files take in the overlay directory.</summary>
    public long TakenBytes => disks.Sum(layers => layers.Active.TakenBytes + layers.Hidden.TakenBytes);

    /// <summary>Something has been stored in it before its epoch began: it is no empty set for another try.</summary>
    public bool IsUsed => _uses.Count > 0;

    /// <summary>What is being stored in it before its epoch begins.</summary>
    public void UsedBy(Task use) => _uses.Add(use);

    /// <summary>Some of that is still under way.</summary>
    public bool IsBusy => _uses.Any(use => !use.IsCompleted);

    /// <summary>Waits until nothing of it is.</summary>
    public Task UnusedAsync() => Task.WhenAll(_uses);

    /// <summary>Nobody uses the set any more; it is given back in the background.</summary>
    public void BeginRetiring()
    {
        foreach (OverlayFile file in Files)
            file.BeginRetiring();
    }

    /// <summary>Makes everything safe from a loss of power that is marked now.</summary>
    public async ValueTask PersistAsync()
    {
        foreach (OverlayLayers layers in disks)
        {
            await layers.Active.PersistAllAsync();
            await layers.Hidden.PersistAllAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (OverlayLayers layers in disks)
            await layers.DisposeAsync();
    }
}
