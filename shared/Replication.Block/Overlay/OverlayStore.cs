using Replication.Block.Bitmaps;
using Replication.Block.Files;
using Replication.Block.State;

namespace Replication.Block.Overlay;

/// <summary>Makes, opens and gives back the overlay files of a group.</summary>
/// <remarks>
/// Files: <c>DISK.active|hidden.SET.data|marks</c>, SET being 16 hexadecimal digits. Every epoch has a set of its own, so that a checkpoint is a change of names and nothing
/// of epoch N can be read in epoch N+1 from a place that was used before. A set made before a restart is never used unless the record names it: it is
/// removed at open with everything else that the record does not name. The files are locked to this process.
/// </remarks>
internal sealed class OverlayStore(IFileStore files, IReadOnlyList<(string Name, long LengthBytes)> disks, int blockSizeBytes, Func<BlockNode, BlockNode>? decorate)
{
    private const string Data = "data";
    private const string Marks = "marks";
    private static readonly string[] s_layers = ["active", "hidden"];

    /// <summary>Makes a new set; where that fails nothing of it stays.</summary>
    public async ValueTask<OverlaySet> CreateAsync(ulong id)
    {
        var layers = new List<OverlayLayers>(disks.Count);
        var made = new List<BlockOverlay>(2 * disks.Count);
        try
        {
            foreach ((string disk, long lengthBytes) in disks)
            {
                BlockOverlay active = await CreateOverlayAsync(disk, s_layers[0], id, lengthBytes);
                made.Add(active);
                BlockOverlay hidden = await CreateOverlayAsync(disk, s_layers[1], id, lengthBytes);
                made.Add(hidden);
                layers.Add(new OverlayLayers(active, hidden));
            }

            return new OverlaySet(id, layers);
        }
        catch
        {
            await DisposeAsync(made);
            TryDelete(id);
            throw;
        }
    }

    /// <summary>Opens a set; null where files of it are missing: the directory did not survive.</summary>
    /// <exception cref="StateException">A file is damaged, of another version, or of another disk.</exception>
    public async ValueTask<OverlaySet?> LoadAsync(ulong id)
    {
        var layers = new List<OverlayLayers>(disks.Count);
        try
        {
            foreach ((string disk, long lengthBytes) in disks)
            {
                BlockOverlay? active = await LoadOverlayAsync(disk, s_layers[0], id, lengthBytes);
                BlockOverlay? hidden = await LoadOverlayAsync(disk, s_layers[1], id, lengthBytes);
                if (active is not null && hidden is not null)
                {
                    layers.Add(new OverlayLayers(active, hidden));
                    continue;
                }

                await DisposeAsync(layers);
                return null;
            }

            return new OverlaySet(id, layers);
        }
        catch
        {
            await DisposeAsync(layers);
            throw;
        }
    }

    /// <summary>Removes every overlay file that does not belong to set <paramref name="keep"/>. Returns the highest set number that was found.</summary>
    public ulong DeleteOthers(ulong keep)
    {
        ulong highest = keep;
        foreach (string file in files.List())
        {
            if (!TryParse(file, out ulong id) || id == keep)
                continue;
            highest = Math.Max(highest, id);
            files.Delete(file);
        }

        return highest;
    }

    /// <summary>
    /// Gives a set back that nobody reads any more: a little at a time, one step per turn of the worker, so that no guest of the host is stopped by the freeing of much at
    /// once; all at once where the node is <paramref name="ending"/>.
    /// </summary>
    public async ValueTask RetireAsync(OverlaySet set, IBackgroundWorker worker, Func<bool> ending)
    {
        foreach (OverlayLayers layers in set.Disks)
        {
            await TryPunchAsync(layers.Active, worker, ending);
            await TryPunchAsync(layers.Hidden, worker, ending);
        }

        await DeleteAsync(set);
    }

    /// <summary>Removes a set at once: one that nobody has written to.</summary>
    public async ValueTask DeleteAsync(OverlaySet set)
    {
        await set.DisposeAsync();
        TryDelete(set.Id);
    }

    private static async ValueTask TryPunchAsync(BlockOverlay overlay, IBackgroundWorker worker, Func<bool> ending)
    {
        try
        {
            await PunchAsync(overlay, worker, ending);
        }
        catch (BlockException)
        {
            // Small steps are a kindness to other guests; the unlink that follows gives the rest back.
        }
    }

    // The marks say where there is data. Asking the file after each step would make the kernel look through all that is left of it to the next hole, every time.
    private static async ValueTask PunchAsync(BlockOverlay overlay, IBackgroundWorker worker, Func<bool> ending)
    {
        BlockBitmap held = overlay.Held;
        int blockBytes = overlay.Marks.GranularityBytes;
        long stepBlocks = Math.Max(1, Limits.RetireStepBytes / blockBytes);
        for (long block = held.NextSet(0, held.LengthBits); block < held.LengthBits && !ending(); block = held.NextSet(block + stepBlocks, held.LengthBits))
        {
            await worker.TurnAsync();
            long offset = block * blockBytes;
            await overlay.Data.DiscardAsync(new BlockRange(offset, Math.Min(stepBlocks * blockBytes, overlay.Data.LengthBytes - offset)));
        }
    }

    private async ValueTask<BlockOverlay> CreateOverlayAsync(string disk, string layer, ulong id, long lengthBytes)
    {
        BlockNode data = Decorated(files.Create(FileName(disk, layer, id, Data), lengthBytes, $"{disk}.{layer}"));
        try
        {
            BlockNode marks = Decorated(files.Create(FileName(disk, layer, id, Marks), PersistentBitmap.FileBytes(lengthBytes, blockSizeBytes), $"{disk}.{layer}.marks"));
            try
            {
                return new BlockOverlay(data, await PersistentBitmap.CreateAsync(marks, lengthBytes, blockSizeBytes));
            }
            catch
            {
                await marks.DisposeAsync();
                throw;
            }
        }
        catch
        {
            await data.DisposeAsync();
            throw;
        }
    }

    private async ValueTask<BlockOverlay?> LoadOverlayAsync(string disk, string layer, ulong id, long lengthBytes)
    {
        BlockNode? data = files.Open(FileName(disk, layer, id, Data), $"{disk}.{layer}");
        BlockNode? marks = null;
        try
        {
            marks = data is null ? null : files.Open(FileName(disk, layer, id, Marks), $"{disk}.{layer}.marks");
            if (data is not null && marks is not null)
            {
                if (data.LengthBytes != lengthBytes)
                    throw new StateException($"overlay of {disk} in {files.Path} has {data.LengthBytes} bytes, the disk {lengthBytes}");
                return new BlockOverlay(Decorated(data), await PersistentBitmap.LoadAsync(Decorated(marks), lengthBytes, blockSizeBytes));
            }

            await DisposeAsync(data, marks);
            return null;
        }
        catch
        {
            await DisposeAsync(data, marks);
            throw;
        }
    }

    private void TryDelete(ulong id)
    {
        try
        {
            foreach (string file in files.List().Where(file => TryParse(file, out ulong found) && found == id))
                files.Delete(file);
        }
        catch (IOException)
        {
            // What stays is removed at the next open; nothing reads it.
        }
    }

    private BlockNode Decorated(BlockNode node) => decorate?.Invoke(node) ?? node;

    private static string FileName(string disk, string layer, ulong id, string part) => $"{disk}.{layer}.{id:x16}.{part}";

    // DISK may itself contain dots: the name is read from its end.
    private static bool TryParse(string file, out ulong id)
    {
        id = 0;
        string[] parts = file.Split('.');
        return parts.Length >= 4 && parts[^1] is Data or Marks && s_layers.Contains(parts[^3]) && parts[^2].Length == 16
            && ulong.TryParse(parts[^2], System.Globalization.NumberStyles.AllowHexSpecifier, null, out id);
    }

    private static async ValueTask DisposeAsync(params IEnumerable<IAsyncDisposable?> nodes)
    {
        foreach (IAsyncDisposable? node in nodes)
        {
            if (node is not null)
                await node.DisposeAsync();
        }
    }
}
