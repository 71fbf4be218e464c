using System.Globalization;
using System.Text;
using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using V1 = Colo.Protocol.V1;

namespace Replication.Control.Services.Jobs;

/// <summary>Jobs, bitmaps and transactions between the wire and the domain. What the wire leaves out has QEMU's default.</summary>
internal static class JobMessages
{
    public static V1.JobInfo ToWire(JobInfo job) => new()
    {
        Id = job.Id,
        Type = (V1.JobType)((int)job.Type + 1),
        Status = (V1.JobStatus)job.Status,
        OffsetBytes = job.OffsetBytes,
        LengthBytes = job.LengthBytes,
        SpeedBytesPerSecond = job.SpeedBytesPerSecond,
        Paused = job.IsPaused,
        Busy = job.IsBusy,
        IoStatus = (V1.JobIoStatus)((int)job.IoStatus + 1),
        AutoFinalize = job.AutoFinalize,
        AutoDismiss = job.AutoDismiss,
        Errno = job.Failure?.Errno ?? 0,
        Error = job.Failure?.Message ?? "",
        Number = (ulong)job.Number,
        Backup = job.Backup is { } backup ? ToWire(backup) : null,
    };

    public static V1.ActionError ToWire(TransactionFault fault) => new() { Index = (uint)fault.Action, Message = fault.Message };

    public static V1.BitmapInfo ToWire(string disk, BitmapInfo bitmap) => new()
    {
        Device = disk,
        Name = bitmap.Name,
        CountBytes = bitmap.CountBytes,
        GranularityBytes = bitmap.GranularityBytes,
        Recording = bitmap.IsRecording,
        Busy = bitmap.IsBusy,
        Persistent = bitmap.IsPersistent,
        Inconsistent = bitmap.IsInconsistent,
    };

    public static TransactionAction FromWire(V1.TransactionAction action, string field)
    {
        switch (action.ActionCase)
        {
            case V1.TransactionAction.ActionOneofCase.Abort:
                return new TransactionAction.Abort();
            case V1.TransactionAction.ActionOneofCase.Checkpoint:
                return new TransactionAction.Checkpoint();
            case V1.TransactionAction.ActionOneofCase.Backup:
                return new TransactionAction.Backup(FromWire(action.Backup, $"{field}.backup"));
            case V1.TransactionAction.ActionOneofCase.BitmapAdd:
                return Add(action.BitmapAdd, $"{field}.bitmap_add");
            case V1.TransactionAction.ActionOneofCase.BitmapMerge:
                return Merge(action.BitmapMerge, $"{field}.bitmap_merge");
            case V1.TransactionAction.ActionOneofCase.BitmapRemove:
                (string removeFrom, string removed) = Name(action.BitmapRemove, $"{field}.bitmap_remove");
                return new TransactionAction.BitmapRemove(removeFrom, removed);
            case V1.TransactionAction.ActionOneofCase.BitmapClear:
                (string clearOf, string cleared) = Name(action.BitmapClear, $"{field}.bitmap_clear");
                return new TransactionAction.BitmapClear(clearOf, cleared);
            case V1.TransactionAction.ActionOneofCase.BitmapEnable:
                (string enableOf, string enabled) = Name(action.BitmapEnable, $"{field}.bitmap_enable");
                return new TransactionAction.BitmapEnable(enableOf, enabled);
            case V1.TransactionAction.ActionOneofCase.BitmapDisable:
                (string disableOf, string disabled) = Name(action.BitmapDisable, $"{field}.bitmap_disable");
                return new TransactionAction.BitmapDisable(disableOf, disabled);
            default:
                throw new MalformedFieldException($"{field} is empty: an action is missing");
        }
    }

    public static BackupCommand FromWire(V1.BackupSpec? backup, string field)
    {
        if (backup is null)
            throw new MalformedFieldException($"{field} is missing");
        return new BackupCommand
        {
            Device = WireValues.Name(backup.Device, $"{field}.device"),
            Target = Text(backup.Target, ServiceLimits.TargetBytes, $"{field}.target"),
            Sync = Required<BackupSync>(backup.Sync, $"{field}.sync"),
            JobId = NullIfEmpty(backup.JobId),
            Format = NullIfEmpty(backup.Format),
            BackingFile = NullIfEmpty(backup.BackingFile),
            BackingFormat = NullIfEmpty(backup.BackingFormat),
            Mode = Optional<TargetMode>(backup.Mode, $"{field}.mode") ?? TargetMode.AbsolutePaths,
            SpeedBytesPerSecond = backup.SpeedBytesPerSecond,
            Bitmap = NullIfEmpty(backup.Bitmap),
            BitmapMode = Optional<BitmapMode>(backup.BitmapMode, $"{field}.bitmap_mode"),
            Compress = backup.Compress,
            OnSourceError = Optional<ErrorPolicy>(backup.OnSourceError, $"{field}.on_source_error") ?? ErrorPolicy.Report,
            OnTargetError = Optional<ErrorPolicy>(backup.OnTargetError, $"{field}.on_target_error") ?? ErrorPolicy.Report,
            OnCbwError = Optional<OnCbwError>(backup.OnCbwError, $"{field}.on_cbw_error") ?? OnCbwError.BreakGuestWrite,
            CbwTimeout = TimeSpan.FromMilliseconds(WireValues.InRange(backup.CbwTimeoutMs, 0, ServiceLimits.CbwTimeoutMs, $"{field}.cbw_timeout_ms")),
            DiscardSource = backup.DiscardSource,
            FilterNodeName = NullIfEmpty(backup.FilterNodeName),
            UseCopyRange = backup.UseCopyRange,
            AutoFinalize = !backup.HasAutoFinalize || backup.AutoFinalize,
            AutoDismiss = !backup.HasAutoDismiss || backup.AutoDismiss,
            MaxWorkers = backup.HasMaxWorkers ? backup.MaxWorkers : DefaultMaxWorkers,
            MaxChunkBytes = backup.MaxChunkBytes,
            MinClusterBytes = backup.MinClusterBytes,
        };
    }

    public static TransactionAction.BitmapAdd Add(V1.BitmapSpec? bitmap, string field)
    {
        if (bitmap is null)
            throw new MalformedFieldException($"{field} is missing");
        return new TransactionAction.BitmapAdd(
            WireValues.Name(bitmap.Device, $"{field}.device"), bitmap.Name, bitmap.HasGranularityBytes ? bitmap.GranularityBytes : null,
            bitmap.Persistent, bitmap.Disabled);
    }

    public static TransactionAction.BitmapMerge Merge(V1.BitmapMerge? merge, string field)
    {
        if (merge is null)
            throw new MalformedFieldException($"{field} is missing");
        (string device, string name) = Name(merge.Target, $"{field}.target");
        return new TransactionAction.BitmapMerge(device, name, [.. merge.Sources.Select((source, i) => Name(source, $"{field}.sources[{i}]"))]);
    }

    public static (string Device, string Name) Name(V1.BitmapName? bitmap, string field) => bitmap is null
        ? throw new MalformedFieldException($"{field} is missing")
        : (WireValues.Name(bitmap.Device, $"{field}.device"), bitmap.Name);

    private static V1.JobBackup ToWire(JobBackup backup) => new()
    {
        Device = backup.Disk,
        Target = backup.Target,
        Sync = (V1.BackupSync)((int)backup.Sync + 1),
        Bitmap = backup.Bitmap ?? "",
        Epoch = backup.Epoch,
        FilterNodeName = backup.FilterNodeName,
        Warning = backup.Warning ?? "",
    };

    private static int DefaultMaxWorkers { get; } = new BackupCommand { Device = "", Target = "", Sync = BackupSync.Full }.MaxWorkers;

    private static T Required<T>(Enum value, string field)
        where T : struct, Enum => Optional<T>(value, field) ?? throw new MalformedFieldException($"{field} is missing");

    /// <summary>The wire's numbers are the domain's and one more: nothing stands for what is left out.</summary>
    internal static T? Optional<T>(Enum value, string field)
        where T : struct, Enum
    {
        int number = Convert.ToInt32(value, CultureInfo.InvariantCulture);
        if (number == 0)
            return null;
        foreach (T known in Enum.GetValues<T>())
        {
            if (Convert.ToInt32(known, CultureInfo.InvariantCulture) == number - 1)
                return known;
        }

        throw new MalformedFieldException($"{field} is {number}: that is none of its values");
    }

    internal static string Text(string value, int longestBytes, string field)
    {
        if (value.Length == 0)
            throw new MalformedFieldException($"{field} is empty");
        return Encoding.UTF8.GetByteCount(value) <= longestBytes ? value : throw new MalformedFieldException($"{field} is longer than {longestBytes} bytes");
    }

    internal static string? NullIfEmpty(string value) => value.Length == 0 ? null : value;
}
