using Replication.Block.Bitmaps;
using Replication.Jobs.Backup;

namespace Replication.Jobs.Bitmaps;

/// <summary>A bitmap in the hands of a backup.</summary>
internal sealed class FrozenBitmap(BitmapStore store, DirtyBitmap bitmap) : IBackupBitmap
{
    public DirtyBitmap Bitmap => bitmap;

    public BlockBitmap Frozen { get; } = bitmap.Marks.Bits;

    public int GranularityBytes { get; } = bitmap.Marks.GranularityBytes;

    public ValueTask PrepareAsync(BlockBitmap? kept, int granularityBytes) => kept is null ? default : bitmap.Successor!.OrAsync(kept, granularityBytes);

    public void Commit() => store.Succeed(bitmap);

    public ValueTask GiveBackAsync(BlockBitmap kept, int granularityBytes) => store.GiveBackAsync(this, kept, granularityBytes);
}
