using Replication.Block;

namespace Replication.Jobs.Backup;

/// <summary>A backup whose arguments have been checked and whose moment has been taken.</summary>
internal sealed record BackupPlan
{
    public required PointInTime PointInTime { get; init; }

    /// <summary>Name of the disk that is copied, as its errors call it.</summary>
    public required string Source { get; init; }

    public required BlockNode Target { get; init; }

    public required BackupSync Sync { get; init; }

    /// <summary>Copies under way at once.</summary>
    public required int Workers { get; init; }

    /// <summary>The longest copy.</summary>
    public int ChunkBytes { get; init; } = Limits.CopyBytes;

    public ErrorPolicy OnSourceError { get; init; } = ErrorPolicy.Report;

    public ErrorPolicy OnTargetError { get; init; } = ErrorPolicy.Report;

    /// <summary>The bitmap that says what to copy; null: it is not one.</summary>
    public IBackupBitmap? Bitmap { get; init; }

    public BitmapMode BitmapMode { get; init; }

    /// <summary>
    /// The target is whole, and says so unless <see cref="Sealed"/> does; called when it has been flushed, before anybody hears of the success. May fail.
    /// </summary>
    public Func<ValueTask> SealAsync { get; init; } = () => default;

    /// <summary>It is on record that the job has succeeded: the target says that it is whole, if it does not yet.</summary>
    public Action Sealed { get; init; } = () => { };

    /// <summary>Whatever is under way in the target fails, now or soon; see <see cref="JobWork.GiveUp"/>.</summary>
    public Action Cut { get; init; } = () => { };

    /// <summary>The disk's guest asks no more, nothing is copied any more, and the target is closed.</summary>
    public required Func<ValueTask> CloseAsync { get; init; }
}
