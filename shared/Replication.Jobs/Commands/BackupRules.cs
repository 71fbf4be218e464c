using System.Numerics;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>The rules of a backup's arguments, in the order that decides which error is seen.</summary>
internal static class BackupRules
{
    /// <summary>With what follows from them: <c>incremental</c> is <c>bitmap</c> with mode <c>on-success</c>.</summary>
    /// <param name="command">What was asked for.</param>
    /// <param name="bitmaps">Those of its disk.</param>
    /// <exception cref="JobException">They cannot be.</exception>
    public static BackupCommand Check(BackupCommand command, IReadOnlyList<BitmapInfo> bitmaps)
    {
        bool byBitmap = command.Sync is BackupSync.Incremental or BackupSync.Bitmap;
        if (byBitmap && command.Bitmap is null)
            throw Invalid($"sync {Name(command.Sync)} goes by a bitmap: name one with 'bitmap'");
        if (command.Sync == BackupSync.Incremental)
        {
            if (command.BitmapMode is not (null or BitmapMode.OnSuccess))
                throw Invalid("sync incremental goes with bitmap-mode on-success alone; for another mode use sync bitmap");
            command = command with { Sync = BackupSync.Bitmap, BitmapMode = BitmapMode.OnSuccess };
        }

        if (command.Fleece?.Command.Bitmap is { } limit)
            CheckUsable(command.Device, bitmaps.FirstOrDefault(bitmap => bitmap.Name == limit), limit);
        if (command.Bitmap is { } name)
            CheckBitmap(command, bitmaps.FirstOrDefault(bitmap => bitmap.Name == name), name);
        else if (command.BitmapMode is not null)
            throw Invalid("a bitmap-mode says nothing without a bitmap: name one with 'bitmap'");
        if (command.DiscardSource)
            throw Invalid($"discard-source would discard blocks that the guest of disk '{command.Device}' uses; leave it out");
        if (command.FilterNodeName is { } node && !IsNodeName(node))
        {
            throw Invalid($"'{node}' is no name of a node: a letter, then letters, digits, '-', '.' and '_', "
                + $"{Limits.NodeNameLength} characters at most; give another filter-node-name");
        }

        return command;
    }

    /// <summary>Those of QEMU's tuning that do not depend on the target. Looked at before it is opened, which may empty it.</summary>
    /// <exception cref="JobException">They cannot be.</exception>
    public static void CheckTuning(BackupCommand command)
    {
        const int largest = 64 << 20;
        if (command.MinClusterBytes != 0 && (!BitOperations.IsPow2(command.MinClusterBytes) || command.MinClusterBytes is < 0 or > largest))
            throw Invalid($"a min-cluster-size of {command.MinClusterBytes} bytes is none: it must be a power of two, {largest} at most, or 0");
        if (command.MaxWorkers < 1)
            throw Invalid($"max-workers must be 1 or more, not {command.MaxWorkers}");
        if (command.MaxChunkBytes < 0)
            throw Invalid($"max-chunk must be 0 or more, not {command.MaxChunkBytes}");
        if (command.CbwTimeout < TimeSpan.Zero)
            throw Invalid($"a cbw-timeout of {command.CbwTimeout.TotalSeconds:0} s is none: it must be 0, for no limit, or more");
    }

    /// <summary>Those that depend on the target.</summary>
    /// <returns>The unit of copying, in bytes.</returns>
    /// <exception cref="JobException">They cannot be.</exception>
    public static int CheckCopy(BackupCommand command, int targetClusterBytes, int smallestClusterBytes)
    {
        int cluster = (int)Math.Max(command.MinClusterBytes, Math.Max(smallestClusterBytes, targetClusterBytes));
        if (command.MaxChunkBytes > 0 && command.MaxChunkBytes < cluster)
            throw Invalid($"a max-chunk of {command.MaxChunkBytes} bytes is less than what is copied at once, {cluster} bytes; give 0, or more");
        return cluster;
    }

    private static void CheckBitmap(BackupCommand command, BitmapInfo? bitmap, string name)
    {
        if (bitmap is not null && command.BitmapMode is null)
            throw Invalid($"what becomes of bitmap '{name}' is not said: give a bitmap-mode, on-success, never or always");
        CheckUsable(command.Device, bitmap, name);
        if (command.Sync == BackupSync.None)
            throw Invalid("sync none copies nothing by itself, and goes without a bitmap");
        if (command.BitmapMode == BitmapMode.Never && command.Sync != BackupSync.Bitmap)
            throw Invalid($"bitmap-mode never with sync {Name(command.Sync)} would leave bitmap '{name}' as it is; leave the bitmap out");
    }

    private static bool IsNodeName(string name) =>
        name.Length is > 0 and <= Limits.NodeNameLength && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');

    private static void CheckUsable(string device, BitmapInfo? bitmap, string name)
    {
        if (bitmap is null)
            throw new JobException(JobErrorClass.GenericError, $"disk '{device}' has no bitmap '{name}'") { Kind = JobErrorKind.NotFound };
        if (bitmap.IsBusy)
            throw Refused($"bitmap '{name}' of disk '{device}' is busy: a job or an export uses it; wait for its end");
        if (bitmap.IsInconsistent)
            throw Refused($"bitmap '{name}' of disk '{device}' is inconsistent, it may lack marks; remove it, and begin again with a full backup");
    }

    private static string Name(BackupSync sync) => sync.ToString().ToLowerInvariant();

    private static JobException Refused(string message) => new(JobErrorClass.GenericError, message);

    private static JobException Invalid(string message) => new(JobErrorClass.GenericError, message) { Kind = JobErrorKind.Invalid };
}
