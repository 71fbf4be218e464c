using Replication.Block;

namespace Replication.Jobs.Bitmaps;

/// <summary>One dirty bitmap. Its state is changed by the <see cref="BitmapStore"/> alone, one verb at a time; marks may come at any time.</summary>
/// <remarks>
/// While a job uses it, it is frozen: what it marks does not change, and writes are marked in its successor. At the job's end the successor takes its place
/// (abdicate) or is merged back into it (reclaim); what a kill leaves behind is reclaimed at the next open.
/// </remarks>
internal sealed class DirtyBitmap(string disk, string name, BitmapMarks marks)
{
    private volatile BitmapMarks _marks = marks;
    private volatile BitmapMarks? _successor;
    private volatile bool _isInconsistent;
    private int _holds; // interlocked; exports that show it

    public string Disk => disk;

    public string Name => name;

    public BitmapMarks Marks
    {
        get => _marks;
        set => _marks = value;
    }

    public BitmapMarks? Successor
    {
        get => _successor;
        set => _successor = value;
    }

    public bool IsEnabled { get; set; } = true;

    /// <summary>What the catalogue says of it; null: nothing. Guarded by the store's lock on the record.</summary>
    public BitmapCatalogue.Entry? OnRecord { get; set; }

    /// <summary>On record its successor has taken its place, and is about to do so here. Guarded by the store's lock on the record.</summary>
    public bool GivesWay { get; set; }

    // One that could not be given back is in nobody's hands any more.
    public bool IsBusy => Volatile.Read(ref _holds) > 0 || (_successor is not null && !_isInconsistent);

    public bool IsPersistent => _marks.FileName is not null;

    /// <summary>It may lack marks. Never taken back.</summary>
    public bool IsInconsistent => _isInconsistent;

    // Of a frozen one QEMU counts what is frozen.
    public BitmapInfo Info => new(
        name, _marks.CountBytes, _marks.GranularityBytes, IsEnabled && !_isInconsistent, IsBusy, IsPersistent, _isInconsistent);

    /// <summary>The range is about to change.</summary>
    public ValueTask MarkAsync(BlockRange range) => (_successor ?? _marks).MarkAsync(range);

    /// <summary>Somebody shows it. Called in turn with the verbs, so that none of them is under way.</summary>
    public void Take() => Interlocked.Increment(ref _holds);

    public void GiveBack() => Interlocked.Decrement(ref _holds);

    public void BecomeInconsistent() => _isInconsistent = true;
}
