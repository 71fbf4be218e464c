using Replication.Block;
using Replication.Block.Snapshots;

namespace Replication.Jobs.Bitmaps;

/// <summary>Marks the writes of one disk in the bitmaps that record. Where none does, nobody is asked.</summary>
internal sealed class BitmapRecorder(BeforeWriteNode disk) : IBeforeWrite
{
    // Replaced as a whole.
    private volatile DirtyBitmap[] _recording = [];

    /// <summary>From the next change on these record. The disk's gate is closed, or nobody uses the disk yet.</summary>
    public void Show(DirtyBitmap[] recording)
    {
        if (_recording.Length == 0 && recording.Length > 0)
            disk.AddFirst(this);
        else if (_recording.Length > 0 && recording.Length == 0)
            disk.Remove(this);
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
}
