using Replication.Jobs.Backup;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Targets;

/// <summary>What a backup is to write to, as it was asked for.</summary>
internal sealed record TargetDescription
{
    /// <summary>A path, or an address: <c>nbd://HOST[:PORT][/EXPORT]</c>, <c>nbd+unix:///[EXPORT]?socket=PATH</c>.</summary>
    public required string Target { get; init; }

    /// <summary>Length of the disk that is backed up.</summary>
    public required long LengthBytes { get; init; }

    /// <summary>QEMU's name of the image format. Null: raw for an image that is made, what the image looks like for one that exists.</summary>
    public string? Format { get; init; }

    public TargetMode Mode { get; init; } = TargetMode.AbsolutePaths;

    public TargetUse Use { get; init; }

    /// <summary>Clusters are compressed.</summary>
    public bool Compress { get; init; }

    /// <summary>The backing file of an image that is made, as it is written into it; null: none.</summary>
    public string? BackingFile { get; init; }

    /// <summary>Format of that file; null: raw.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>
    /// What lies below the image is a node of ours: the image is made and opened without a backing file, and what it does not hold reads as zeroes.
    /// </summary>
    public bool BackingIsNode { get; init; }

    /// <summary>What a command asks for.</summary>
    /// <param name="command">Checked.</param>
    /// <param name="lengthBytes">Length of its disk.</param>
    public static TargetDescription Of(BackupCommand command, long lengthBytes) => new()
    {
        Target = command.Target,
        LengthBytes = lengthBytes,
        Format = command.Format,
        Mode = command.Mode,
        Compress = command.Compress,
        BackingFile = command.BackingFile,
        BackingFormat = command.BackingFormat,
        BackingIsNode = command.Sync == BackupSync.None,
        Use = command.Sync switch
        {
            BackupSync.Full => TargetUse.Whole,
            BackupSync.None => TargetUse.Scratch,
            _ => TargetUse.Part,
        },
    };
}
