using Replication.Block.Bitmaps;

namespace Replication.Jobs.Backup;

/// <summary>A bitmap that a backup has frozen: writes since then are marked in a successor.</summary>
internal interface IBackupBitmap
{
    /// <summary>The successor takes its place, with what was not copied.</summary>
    ValueTask AbdicateAsync(BlockBitmap? notCopied);

    /// <summary>What the successor marks is merged back into it.</summary>
    ValueTask ReclaimAsync();
}
