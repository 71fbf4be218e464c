using Replication.Block.State;

namespace Replication.Block.Overlay;

// What an open finds of a set.
internal sealed partial class OverlayStore
{
    /// <summary>Opens a set; null where files of it are missing: the directory did not survive.</summary>
    /// <exception cref="StateException">A file is damaged, of another version, or of another disk; or the set may
    /// have spilled, and there is no spill directory any more.</exception>
    public async ValueTask<OverlaySet?> LoadAsync(ulong id, OverlayTrust trust)
    {
        bool mayHaveSpilled = options.Files.List().Contains(SpillMarker(id));
        if (mayHaveSpilled && options.Spill is null)
        {
            throw new StateException($"the overlays in {options.Files.Path} may go on in a spill directory, and Overlay:Spill "
                + "is not configured; configure it as it was")
            { Place = StatePlace.SpillDirectory };
        }

        var opened = new List<OverlayFile>();
        try
        {
            OverlaySet set = await BuildAsync(id, async (place, disk, layer, lengthBytes) =>
            {
                // A spill directory that was configured after the set was made begins empty.
                bool isNew = place.IsSpill && !mayHaveSpilled;
                try
                {
                    OverlayFile file = isNew
                        ? await CreateFileAsync(place, disk, layer, id, lengthBytes)
                        : await LoadFileAsync(place, disk, layer, id, lengthBytes, trust) ?? throw new FileNotFoundException();
                    opened.Add(file);
                    return file;
                }
                catch (IOException e) when (e is not FileNotFoundException)
                {
                    throw StateException.At(place.IsSpill ? StatePlace.SpillDirectory : StatePlace.OverlayDirectory, e);
                }
            });
            if (options.Spill is not null && !mayHaveSpilled)
                await options.Files.Create(SpillMarker(id), 0, "overlay.spill").DisposeAsync();
            if (options.Power)
                await MakeNamesDurableAsync(set);
            return set;
        }
        catch (FileNotFoundException)
        {
            await DisposeAsync(opened);
            foreach (OverlayFile file in opened)
                file.Deleted();
            return null;
        }
        catch
        {
            await DisposeAsync(opened);
            throw;
        }
    }

    private async ValueTask<OverlayFile?> LoadFileAsync(Place place, string disk, string layer, ulong id, long lengthBytes, OverlayTrust trust)
    {
        string node = $"{disk}.{layer}{place.NodeSuffix}";
        var parts = new List<IAsyncDisposable>();
        try
        {
            if (Open(place, FileName(disk, layer, id, Data), node, parts) is not { } data)
                return null;
            if (data.LengthBytes != lengthBytes)
                throw new StateException($"overlay of {disk} in {place.Store.Path} has {data.LengthBytes} bytes, the disk {lengthBytes}");
            BlockNode? durableFile = options.Power ? Open(place, FileName(disk, layer, id, DurablePart), $"{node}.durable", parts) : null;
            BlockNode? marksFile = trust == OverlayTrust.All ? Open(place, FileName(disk, layer, id, Marks), $"{node}.marks", parts) : null;
            if (trust == OverlayTrust.All ? marksFile is null : durableFile is null)
            {
                await DisposeAsync(parts);
                return null;
            }

            PersistentBitmap? durable = durableFile is null ? null : await PersistentBitmap.LoadAsync(durableFile, lengthBytes, options.BlockSizeBytes);
            PersistentBitmap? marks = marksFile is null ? null : await PersistentBitmap.LoadAsync(marksFile, lengthBytes, options.BlockSizeBytes);
            if (marks is null)
            {
                // Ordinary marks may stand over data that did not survive: those that hold take their place.
                place.Store.Delete(FileName(disk, layer, id, Marks));
                (marks, marksFile) = await CreateMarksAsync(place, FileName(disk, layer, id, Marks), $"{node}.marks", lengthBytes);
                parts.Add(marks);
                await marks.OrAsync(durable!.Bits);
            }

            if (options.Power && durable is null)
            {
                // The node's durability was "process" until now.
                (durable, durableFile) = await CreateMarksAsync(place, FileName(disk, layer, id, DurablePart), $"{node}.durable", lengthBytes);
                parts.Add(durable);
            }

            DurableMarks? safe = durable is null ? null : new DurableMarks(data, durableFile!, marks, durable);
            if (safe is not null)
                await safe.AdoptAsync();
            OverlayFile file = await OverlayFile.LoadAsync(data, marks, safe, durableFile is null ? [marksFile!] : [marksFile!, durableFile], place.Budget);
            // What a killed write left there unmarked must not show around a later one, which may write a
            // part of a block that the first directory holds as a hole.
            if (place.IsSpill)
                await file.GiveBackAsync(0, marks.Bits.LengthBits);
            return file;
        }
        catch
        {
            await DisposeAsync(parts);
            throw;
        }
    }

    private BlockNode? Open(Place place, string fileName, string nodeName, List<IAsyncDisposable> parts)
    {
        if (place.Store.Open(fileName, nodeName) is not { } node)
            return null;
        BlockNode decorated = Decorated(node);
        parts.Add(decorated);
        return decorated;
    }
}
