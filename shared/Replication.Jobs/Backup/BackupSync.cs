namespace Replication.Jobs.Backup;

/// <summary>What a backup copies; QEMU's <c>MirrorSyncMode</c>.</summary>
public enum BackupSync
{
    /// <summary>All of the disk.</summary>
    Full,

    /// <summary>What its topmost image holds; all of a disk that has no other image below it.</summary>
    Top,

    /// <summary>Nothing but what guest writes are about to change, until it is cancelled.</summary>
    None,

    /// <summary>What a bitmap marks; the bitmap is cleared where it succeeds.</summary>
    Incremental,

    /// <summary>What a bitmap marks; what becomes of the bitmap is a <see cref="BitmapMode"/>.</summary>
    Bitmap,
}

/// <summary>What a backup's end does to its bitmap; QEMU's <c>BitmapSyncMode</c>.</summary>
public enum BitmapMode
{
    /// <summary>What was copied is cleared where the job succeeds.</summary>
    OnSuccess,

    /// <summary>Nothing is cleared.</summary>
    Never,

    /// <summary>What was copied is cleared, whether or not the job succeeds.</summary>
    Always,
}
