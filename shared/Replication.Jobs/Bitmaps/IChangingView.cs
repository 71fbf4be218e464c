using Replication.Block.Bitmaps;

namespace Replication.Jobs.Bitmaps;

/// <summary>
/// A device that changes without being written: the view of a secondary's guest, which each checkpoint replaces by what the mirror has written.
/// </summary>
public interface IChangingView
{
    /// <summary>What is written to the disk below changes the view at the next switch; false where nothing but writes changes it any more.</summary>
    bool FollowsMirror { get; }

    /// <summary>What one bit of <see cref="ChangesOfNextSwitch"/> stands for.</summary>
    int BlockSizeBytes { get; }

    /// <summary>Where the next switch may change the view, as far as it has been written; null: nowhere. Everything is held still.</summary>
    BlockBitmap? ChangesOfNextSwitch();
}
