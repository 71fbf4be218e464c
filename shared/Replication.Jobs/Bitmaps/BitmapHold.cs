using Replication.Block.Bitmaps;

namespace Replication.Jobs.Bitmaps;

/// <summary>A bitmap in the hands of who shows it: busy until it is given back, so that nothing but the disk's writers changes it.</summary>
public sealed class BitmapHold : IDisposable
{
    private readonly DirtyBitmap _bitmap;
    private bool _isGivenBack;

    internal BitmapHold(DirtyBitmap bitmap)
    {
        _bitmap = bitmap;
        bitmap.Take();
    }

    public string Name => _bitmap.Name;

    public BlockBitmap Bits => _bitmap.Marks.Bits;

    public int GranularityBytes => _bitmap.Marks.GranularityBytes;

    /// <summary>Writes are marked in it.</summary>
    public bool IsRecording => _bitmap.Info.IsRecording;

    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _isGivenBack, true))
            _bitmap.GiveBack();
    }
}
