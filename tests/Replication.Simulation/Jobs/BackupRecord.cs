using Replication.Jobs.Backup;
using Replication.Jobs.Commands;

namespace Replication.Simulation.Jobs;

/// <summary>One backup, as who looks at it from outside knows it.</summary>
internal sealed class BackupRecord
{
    public required int Disk { get; init; }

    public required BackupCommand Command { get; init; }

    public required TargetFile Target { get; init; }

    public required BackupTransaction Transaction { get; init; }

    public string Id => Command.JobId!;

    /// <summary>What the disk held when the job came into being; null: it has not.</summary>
    public byte[]? Moment { get; set; }

    /// <summary>It is for readers: never whole, and a success says that they have read what they wanted.</summary>
    public bool IsFleece { get; init; }

    /// <summary>Readers may find nothing in some places: a bitmap limits it, or they have given something back.</summary>
    public bool IsLimited { get; set; }

    /// <summary>Requests of the host's own media that had failed by then.</summary>
    public int FaultsBefore { get; set; }

    /// <summary>Guest writes keep what they change.</summary>
    public bool IsKept { get; set; }

    /// <summary>Its bitmap does not mark all that has changed: it was disabled for some time.</summary>
    public bool IsPartial { get; set; }

    /// <summary>The bitmap that it froze, and what that one marked the difference to.</summary>
    public BitmapModel? Bitmap { get; set; }

    public IReadOnlyList<byte[]> BasesBefore { get; set; } = [];

    /// <summary>On record the bitmap's successor has taken its place.</summary>
    public bool HasGivenWay { get; set; }

    /// <summary>Null: not known, or killed.</summary>
    public bool? HasSucceeded { get; set; }

    public bool IsOver => HasSucceeded is not null;

    public bool ClearsBitmap => Command.BitmapMode is not BitmapMode.Never;

    public override string ToString() => $"{Id} (sync {Command.Sync} of disk{Disk})";
}
