using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>QMP's <c>drive-backup</c>, as data of a transaction.</summary>
internal static class BackupMembers
{
    public static BackupSpec Read(JsonMembers data)
    {
        string target = data.RequiredText("target");
        if (TargetText.Refuse(target) is { } refusal)
            throw CliException.Usage(refusal);
        var backup = new BackupSpec
        {
            Device = data.RequiredText("device"),
            Target = target,
            Sync = data.Word<BackupSync>("sync"),
            JobId = data.Text("job-id") ?? "",
            Format = data.Text("format") ?? "",
            Mode = data.Word<TargetMode>("mode"),
            SpeedBytesPerSecond = data.Number("speed") ?? 0,
            Bitmap = data.Text("bitmap") ?? "",
            BitmapMode = data.Word<BitmapMode>("bitmap-mode"),
            Compress = data.Flag("compress") ?? false,
            OnSourceError = data.Word<ErrorPolicy>("on-source-error"),
            OnTargetError = data.Word<ErrorPolicy>("on-target-error"),
            OnCbwError = data.Word<OnCbwError>("on-cbw-error"),
            CbwTimeoutMs = Milliseconds(data, "cbw-timeout"),
            FilterNodeName = data.Text("filter-node-name") ?? "",
            DiscardSource = data.Flag("discard-source") ?? false,
        };
        if (backup.Sync == BackupSync.Unspecified)
            throw data.WrongMember("sync", "is missing");
        if (data.Flag("auto-finalize") is { } autoFinalize)
            backup.AutoFinalize = autoFinalize;
        if (data.Flag("auto-dismiss") is { } autoDismiss)
            backup.AutoDismiss = autoDismiss;
        ReadTuning(data, backup);
        return backup;
    }

    private static void ReadTuning(JsonMembers data, BackupSpec backup)
    {
        if (data.Object("x-perf") is not { } tuning)
            return;
        backup.UseCopyRange = tuning.Flag("use-copy-range") ?? false;
        if (tuning.Number("max-workers") is { } workers)
            backup.MaxWorkers = workers is >= int.MinValue and <= int.MaxValue ? (int)workers : throw tuning.WrongMember("max-workers", "is out of range");
        backup.MaxChunkBytes = tuning.Number("max-chunk") ?? 0;
        backup.MinClusterBytes = tuning.Number("min-cluster-size") ?? 0;
        tuning.End();
    }

    /// <summary>QEMU counts this in seconds.</summary>
    private static long Milliseconds(JsonMembers data, string name)
    {
        long seconds = data.Number(name) ?? 0;
        return seconds is >= 0 and <= uint.MaxValue ? seconds * 1000 : throw data.WrongMember(name, "is no number of seconds");
    }
}
