using Replication.Jobs;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>The arguments of a backup as the command that they ask for.</summary>
internal static class BackupArguments
{
    /// <summary>To a file or an address, which may be made.</summary>
    public static BackupCommand Drive(QmpObject arguments) =>
        Common(arguments) with { Format = arguments.GetStringOrNull("format"), Mode = arguments.GetEnum<TargetMode>("mode") };

    /// <summary>To a node that is there.</summary>
    public static BackupCommand Blockdev(QmpObject arguments) => Common(arguments) with { TargetIsNode = true, Mode = TargetMode.Existing };

    private static BackupCommand Common(QmpObject arguments)
    {
        QmpObject performance = arguments.GetObject("x-perf");
        return new BackupCommand
        {
            JobId = arguments.GetStringOrNull("job-id"),
            Device = arguments.GetString("device"),
            Target = arguments.GetString("target"),
            Sync = arguments.GetEnum<BackupSync>("sync"),
            SpeedBytesPerSecond = arguments.GetInteger("speed"),
            Bitmap = arguments.GetStringOrNull("bitmap"),
            BitmapMode = arguments.GetEnumOrNull<BitmapMode>("bitmap-mode"),
            Compress = arguments.GetBoolean("compress"),
            OnSourceError = arguments.GetEnum<ErrorPolicy>("on-source-error"),
            OnTargetError = arguments.GetEnum<ErrorPolicy>("on-target-error"),
            AutoFinalize = arguments.GetBoolean("auto-finalize"),
            AutoDismiss = arguments.GetBoolean("auto-dismiss"),
            OnCbwError = arguments.GetEnum<OnCbwError>("on-cbw-error"),
            CbwTimeout = TimeSpan.FromSeconds(arguments.GetInteger("cbw-timeout")),
            DiscardSource = arguments.GetBoolean("discard-source"),
            FilterNodeName = arguments.GetStringOrNull("filter-node-name"),
            UseCopyRange = performance.GetBoolean("use-copy-range"),
            // What no integer of ours holds is refused by the rules of the command, as what is too large or too small.
            MaxWorkers = (int)Math.Clamp(performance.GetInteger("max-workers"), int.MinValue, int.MaxValue),
            MaxChunkBytes = performance.GetInteger("max-chunk"),
            MinClusterBytes = performance.GetInteger("min-cluster-size"),
        };
    }
}
