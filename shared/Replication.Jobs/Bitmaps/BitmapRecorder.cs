using Replication.Block;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Bitmaps;

/// <summary>Marks the writes of one disk in the bitmaps that record. Where none does, nobody is asked.</summary>
/// <remarks>
/// A view (<see cref="IChangingView"/>) is written in two places: by its guest, and, for its next switch, by the mirror in the disk below. Both mark at once,
/// before they write: so whatever a switch changes is marked, in the file too, before anybody sees it, and a switch has nothing to mark.
/// </remarks>
internal sealed class BitmapRecorder : IBeforeWrite
{
    private readonly List<(BeforeWriteNode Node, IBeforeWrite Asked)> _places;

    // Replaced as a whole.
    private volatile DirtyBitmap[] _recording = [];

    public BitmapRecorder(BeforeWriteNode disk) => _places = [(disk, this)];

    /// <summary>The bitmaps are those of a view of the disk. Nobody uses either yet.</summary>
    /// <param name="node">Where its guest writes.</param>
    /// <param name="view">What the disk below is to it.</param>
    public void ShowView(BeforeWriteNode node, IChangingView view)
    {
        DirtyBitmap[] recording = _recording;
        Show([]);
        _places[0] = (_places[0].Node, new MirrorRecorder(this, view));
        _places.Add((node, this));
        Show(recording);
    }

    /// <summary>From the next change on these record. The disk's gate is closed, or nobody uses the disk yet.</summary>
    public void Show(DirtyBitmap[] recording)
    {
        foreach ((BeforeWriteNode node, IBeforeWrite asked) in _places)
        {
            if (_recording.Length == 0 && recording.Length > 0)
                node.AddFirst(asked);
            else if (_recording.Length > 0 && recording.Length == 0)
                node.Remove(asked);
        }

        _recording = recording;
    }

    public ValueTask BeforeWriteAsync(BlockRange range)
    {
        DirtyBitmap[] recording = _recording;
        for (int i = 0; i < recording.Length; i++)
        {
            ValueTask marking = recording[i].MarkAsync(range);
            if (!marking.IsCompletedSuccessfully)
                return MarkRestAsync(recording, i, marking, range);
        }

        return default;
    }

    // A mark that is not in the file could be lost, and with it the block from every later backup: the write fails, which the guest can repeat.
    private static async ValueTask MarkRestAsync(DirtyBitmap[] recording, int at, ValueTask marking, BlockRange range)
    {
        await marking;
        for (int i = at + 1; i < recording.Length; i++)
            await recording[i].MarkAsync(range);
    }

    private sealed class MirrorRecorder(BitmapRecorder recorder, IChangingView view) : IBeforeWrite
    {
        // A promoted guest's writes come through its own node, and a commit changes nothing that it sees.
        public ValueTask BeforeWriteAsync(BlockRange range) => view.FollowsMirror ? recorder.BeforeWriteAsync(range) : default;
    }
}
