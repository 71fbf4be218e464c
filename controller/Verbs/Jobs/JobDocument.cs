using Colo.Protocol.V1;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>A job as the JSON shows it.</summary>
internal sealed record JobDocument(
    string Node, string Id, string Type, string Status, long OffsetBytes, long LengthBytes, long SpeedBytesPerSecond, bool Paused, bool Busy, string IoStatus,
    bool AutoFinalize, bool AutoDismiss, int Errno, string? Error, string? Device, string? Target, string? Sync, string? Bitmap, ulong? Epoch, string? Warning)
{
    public static JobDocument Of(NodeClient node, JobInfo job) => new(
        node.SideText, job.Id, WireNames.Kebab(job.Type.ToString()), WireNames.Kebab(job.Status.ToString()), job.OffsetBytes, job.LengthBytes,
        job.SpeedBytesPerSecond, job.Paused, job.Busy, WireNames.Kebab(job.IoStatus.ToString()), job.AutoFinalize, job.AutoDismiss, job.Errno,
        NullIfEmpty(job.Error), NullIfEmpty(job.Backup?.Device), NullIfEmpty(job.Backup?.Target),
        job.Backup is { } backup ? WireNames.Kebab(backup.Sync.ToString()) : null, NullIfEmpty(job.Backup?.Bitmap), job.Backup?.Epoch,
        NullIfEmpty(job.Backup?.Warning));

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
