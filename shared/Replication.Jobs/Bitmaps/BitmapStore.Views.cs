using Replication.Block;
using Replication.Block.Bitmaps;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Bitmaps;

// Bitmaps of a device that changes without being written; see docs/internals/secondary-jobs.md.
public sealed partial class BitmapStore
{
    private readonly Dictionary<string, IChangingView> _views = []; // filled before anybody uses the disks

    /// <summary>The device is a view of the disk that it was opened with, and its guest writes through a node of its own. Nobody uses either yet.</summary>
    public void ShowView(string device, BeforeWriteNode node, IChangingView view)
    {
        _views.Add(device, view);
        _recorders[device].ShowView(node, view);
    }

    internal bool IsView(string device) => _views.ContainsKey(device);

    /// <summary>All of the device may be another content from here on: a view appears where there was none. No change of bitmaps is under way.</summary>
    /// <exception cref="BlockException">A bitmap's file did not take it.</exception>
    public async ValueTask MarkAllAsync(string device)
    {
        DirtyBitmap[] recording;
        lock (_sync)
            recording = RecordingOf(device);
        foreach (DirtyBitmap bitmap in recording)
            await bitmap.MarkAsync(new BlockRange(0, LengthOf(device)));
    }

    /// <summary>
    /// Marks that are about to record begin with what the next switch of the device's view may change: those writes have been, and will not ask again.
    /// </summary>
    /// <exception cref="BlockException">The file did not take it.</exception>
    internal async ValueTask MarkChangesToComeAsync(string device, BitmapMarks marks)
    {
        if (!_views.TryGetValue(device, out IChangingView? view) || view.ChangesOfNextSwitch() is not { } changes)
            return;
        await marks.OrAsync(Rescaled(changes, view.BlockSizeBytes, marks.GranularityBytes, LengthOf(device)), marks.GranularityBytes);
    }

    // In memory first: one update of the file for a page of marks, however scattered they are.
    private static BlockBitmap Rescaled(BlockBitmap blocks, long blockSizeBytes, long granularityBytes, long lengthBytes)
    {
        var granules = new BlockBitmap((lengthBytes + granularityBytes - 1) / granularityBytes);
        for (long block = blocks.NextSet(0, blocks.LengthBits); block < blocks.LengthBits;)
        {
            long end = blocks.NextClear(block, blocks.LengthBits);
            long first = block * blockSizeBytes / granularityBytes;
            granules.Set(first, (Math.Min(end * blockSizeBytes, lengthBytes) + granularityBytes - 1) / granularityBytes - first);
            block = blocks.NextSet(end, blocks.LengthBits);
        }

        return granules;
    }
}
