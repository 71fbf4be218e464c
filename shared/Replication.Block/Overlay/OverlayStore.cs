using System.Globalization;
using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Block.Overlay;

/// <summary>Makes, opens and gives back the overlay files of a group.</summary>
/// <remarks>
/// Files: <c>DISK.active|hidden.SET.data|marks</c>, and <c>durable</c> under <c>Durability: power</c>, SET being 16 hexadecimal digits; in the spill directory
/// the same names again. Every epoch has a set of its own, so that a checkpoint is a change of names and nothing of epoch N can be read in epoch N+1 from a
/// place that was used before. A set made before a restart is never used unless the record names it: it is removed at open with everything else that the record
/// does not name. The files are locked to this process. A set that may spill says so in the first directory
/// (<c>DISK.active.SET.spill</c>): without its spill files it is not whole.
/// </remarks>
internal sealed partial class OverlayStore(OverlayStoreOptions options)
{
    private const string Data = "data";
    private const string Marks = "marks";
    private const string DurablePart = "durable";
    private const string SpillPart = "spill";
    private static readonly string[] s_layers = ["active", "hidden"];

    private IEnumerable<IFileStore> Stores => options.Spill is { } spill ? [options.Files, spill] : [options.Files];

    private string SpillMarker(ulong id) => FileName(options.Disks[0].Name, s_layers[0], id, SpillPart);

    /// <summary>Makes a new set; where that fails nothing of it stays.</summary>
    /// <exception cref="IOException">A file cannot be made.</exception>
    public async ValueTask<OverlaySet> CreateAsync(ulong id)
    {
        var made = new List<OverlayFile>();
        try
        {
            if (options.Spill is not null)
                await options.Files.Create(SpillMarker(id), 0, "overlay.spill").DisposeAsync();
            OverlaySet set = await BuildAsync(id, async (place, disk, layer, lengthBytes) =>
            {
                OverlayFile file = await CreateFileAsync(place, disk, layer, id, lengthBytes);
                made.Add(file);
                return file;
            });
            if (options.Power)
                await MakeNamesDurableAsync(set);
            return set;
        }
        catch
        {
            await DisposeAsync(made);
            if (TryDelete(id))
            {
                foreach (OverlayFile file in made)
                    file.Deleted();
            }

            throw;
        }
    }

    /// <summary>Removes every overlay file that does not belong to set <paramref name="keep"/>. Returns the highest set number that was found.</summary>
    public ulong DeleteOthers(ulong keep)
    {
        ulong highest = keep;
        foreach (IFileStore store in Stores)
        {
            foreach (string file in store.List())
            {
                if (!TryParse(file, out ulong id) || id == keep)
                    continue;
                highest = Math.Max(highest, id);
                store.Delete(file);
            }
        }

        return highest;
    }

    /// <summary>
    /// Gives a set back that nobody reads any more: a little at a time, one step per turn of the worker, so that no guest of the host is stopped by the freeing
    /// of much at once; all at once where the node is <paramref name="ending"/>.
    /// </summary>
    public async ValueTask RetireAsync(OverlaySet set, IBackgroundWorker worker, Func<bool> ending)
    {
        foreach (OverlayFile file in set.Files)
        {
            try
            {
                await file.RetireAsync(worker, ending);
            }
            catch (BlockException)
            {
                // Small steps are a kindness to other guests; the unlink that follows gives the rest back.
            }
        }

        await DeleteAsync(set);
    }

    /// <summary>Removes a set at once: one that nobody has written to.</summary>
    public async ValueTask DeleteAsync(OverlaySet set)
    {
        await set.DisposeAsync();
        // Files that could not be removed are there, and counted.
        if (!TryDelete(set.Id))
            return;
        foreach (OverlayFile file in set.Files)
            file.Deleted();
    }

    private async ValueTask<OverlaySet> BuildAsync(ulong id, Func<Place, string, string, long, ValueTask<OverlayFile>> openAsync)
    {
        var layers = new List<OverlayLayers>(options.Disks.Count);
        foreach ((string disk, long lengthBytes) in options.Disks)
        {
            var overlays = new List<BlockOverlay>(2);
            foreach (string layer in s_layers)
            {
                OverlayFile main = await openAsync(new Place(options.Files, options.Room.Main, ""), disk, layer, lengthBytes);
                OverlayFile? spill = options.Spill is { } store
                    ? await openAsync(new Place(store, options.Room.Spill!, ".spill"), disk, layer, lengthBytes)
                    : null;
                overlays.Add(new BlockOverlay(main, spill, options.Room, isGuests: layer == s_layers[0]));
            }

            layers.Add(new OverlayLayers(overlays[0], overlays[1], options.Power));
        }

        return new OverlaySet(id, layers);
    }

    private async ValueTask<OverlayFile> CreateFileAsync(Place place, string disk, string layer, ulong id, long lengthBytes)
    {
        string node = $"{disk}.{layer}{place.NodeSuffix}";
        var parts = new List<IAsyncDisposable>();
        try
        {
            BlockNode data = Decorated(place.Store.Create(FileName(disk, layer, id, Data), lengthBytes, node));
            parts.Add(data);
            (PersistentBitmap marks, _) = await CreateMarksAsync(place, FileName(disk, layer, id, Marks), $"{node}.marks", lengthBytes);
            parts.Add(marks);
            if (!options.Power)
                return OverlayFile.Create(data, marks, null, place.Budget);
            (PersistentBitmap durable, BlockNode file) = await CreateMarksAsync(place, FileName(disk, layer, id, DurablePart), $"{node}.durable", lengthBytes);
            parts.Add(durable);
            await data.FlushAsync();
            await file.FlushAsync();
            return OverlayFile.Create(data, marks, new DurableMarks(data, file, marks, durable), place.Budget);
        }
        catch
        {
            await DisposeAsync(parts);
            throw;
        }
    }

    private async ValueTask<(PersistentBitmap Marks, BlockNode File)> CreateMarksAsync(Place place, string fileName, string nodeName, long lengthBytes)
    {
        BlockNode file = Decorated(place.Store.Create(fileName, PersistentBitmap.FileBytes(lengthBytes, options.BlockSizeBytes), nodeName));
        while (true)
        {
            try
            {
                return (await PersistentBitmap.CreateAsync(file, lengthBytes, options.BlockSizeBytes), file);
            }
            catch (BlockException e)
            {
                // Without the next epoch's files no checkpoint could make room: their first pages may come out of the guest's reserve.
                if (e.Kind == BlockErrorKind.NoSpace && await options.Room.FreeReserveAsync(OverlayFile.PageBytes))
                    continue;
                await file.DisposeAsync();
                throw;
            }
        }
    }

    // The record may name the set once its files are there after a loss of power.
    private async ValueTask MakeNamesDurableAsync(OverlaySet set)
    {
        await set.PersistAsync();
        foreach (IFileStore store in Stores)
            store.SyncNames();
    }

    private bool TryDelete(ulong id)
    {
        bool isGone = true;
        foreach (IFileStore store in Stores)
        {
            try
            {
                foreach (string file in store.List().Where(file => TryParse(file, out ulong found) && found == id))
                    store.Delete(file);
            }
            catch (IOException)
            {
                // What stays is removed at the next open; nothing reads it.
                isGone = false;
            }
        }

        return isGone;
    }

    private BlockNode Decorated(BlockNode node) => options.Decorate?.Invoke(node) ?? node;

    private static string FileName(string disk, string layer, ulong id, string part) => $"{disk}.{layer}.{id:x16}.{part}";

    // DISK may itself contain dots: the name is read from its end.
    private static bool TryParse(string file, out ulong id)
    {
        id = 0;
        string[] parts = file.Split('.');
        return parts.Length >= 4 && parts[^1] is Data or Marks or DurablePart or SpillPart && s_layers.Contains(parts[^3]) && parts[^2].Length == 16
            && ulong.TryParse(parts[^2], NumberStyles.AllowHexSpecifier, null, out id);
    }

    private static async ValueTask DisposeAsync(IEnumerable<IAsyncDisposable> parts)
    {
        foreach (IAsyncDisposable part in parts)
            await part.DisposeAsync();
    }

    /// <summary>A directory, what it may take, and what the names of its nodes end with.</summary>
    private readonly record struct Place(IFileStore Store, OverlayBudget Budget, string NodeSuffix)
    {
        public bool IsSpill => NodeSuffix.Length > 0;
    }
}
