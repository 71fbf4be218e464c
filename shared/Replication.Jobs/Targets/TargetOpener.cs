using Replication.Block.Files;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Targets;

/// <summary>Finds out what a description leads to, and refuses what cannot be written to.</summary>
internal sealed class TargetOpener(TargetDescription description, TargetEnvironment environment)
{
    // The formats of which QEMU can write compressed clusters.
    private static readonly string[] s_compressible = ["qcow", "qcow2", "vmdk"];

    private string Target => description.Target;

    private bool IsAddress => Target.Contains("://", StringComparison.Ordinal);

    public async Task<BackupTarget> OpenAsync(CancellationToken cancellationToken)
    {
        RequireSense();
        if (IsAddress)
            return await new NbdTarget(description, environment).OpenAsync(cancellationToken);
        (string path, FileKind? kind, string format) = await FindAsync(cancellationToken);
        if (format == RawTarget.Format)
            return RawTarget.Open(path, kind, description, environment);
        return await new ImageTarget(path, kind, format, description, environment).OpenAsync(cancellationToken);
    }

    /// <summary>
    /// What <see cref="OpenAsync"/> would find; nothing is made and nothing is changed. A server is connected to: one that serves one client and ends is used
    /// up.
    /// </summary>
    public async Task<TargetOutlook> CheckAsync(CancellationToken cancellationToken)
    {
        RequireSense();
        if (IsAddress)
        {
            await using BackupTarget target = await new NbdTarget(description, environment).OpenAsync(cancellationToken);
            return new TargetOutlook(target.Identity, target.Node.LengthBytes, target.ClusterBytes);
        }

        (string path, FileKind? kind, string format) = await FindAsync(cancellationToken);
        int clusterBytes = format == RawTarget.Format
            ? await RawTarget.CheckAsync(path, kind, description, environment)
            : await new ImageTarget(path, kind, format, description, environment).CheckAsync(cancellationToken);
        return new TargetOutlook(
            kind is null ? path : FileIdentity.Resolve(path), description.LengthBytes, Math.Max(Limits.ClusterBytes, clusterBytes));
    }

    private void RequireSense()
    {
        if (description.LengthBytes <= 0)
            throw Refused(TargetTrouble.WrongLength, $"a disk of {description.LengthBytes} bytes cannot be backed up");
        if (description is { BackingFile: not null, BackingIsNode: true })
            throw Refused(TargetTrouble.NotSupported, "a backing file and a backing node exclude each other");
        if (Target.Length == 0)
            throw Refused(TargetTrouble.Missing, "no path is given");
    }

    private async Task<(string Path, FileKind? Kind, string Format)> FindAsync(CancellationToken cancellationToken)
    {
        string path = Path.GetFullPath(Target);
        FileKind? kind = Look(path);
        ImageInfo? probed = await ProbeAsync(path, kind, cancellationToken);
        string format = description.Format ?? probed?.Format ?? RawTarget.Format;
        RequireCompressible(format);
        return (path, kind, format);
    }

    /// <summary>What is there; null: nothing, and that is as it should be.</summary>
    private FileKind? Look(string path)
    {
        if (FileIdentity.Of(path, out string? reason) is not { } file)
        {
            if (reason is not null)
                throw Refused(TargetTrouble.Failed, reason);
            if (description.Mode == TargetMode.Existing)
                throw Refused(TargetTrouble.Missing, "does not exist");
            return Directory.Exists(Path.GetDirectoryName(path)) ? null : throw Refused(TargetTrouble.Missing, "its directory does not exist");
        }

        if (file.Kind is not (FileKind.Regular or FileKind.BlockDevice))
            throw Refused(TargetTrouble.NotSupported, file.Kind == FileKind.Directory ? "is a directory" : "is neither a file nor a block device");
        foreach (string own in environment.OwnFiles)
        {
            if (FileIdentity.Of(own, out _) == file)
                throw Refused(TargetTrouble.InUse, $"is {own}, which this node uses itself; give another one");
        }

        if (description is { Mode: TargetMode.Existing, Use: TargetUse.Part } && IncompleteMarker.IsPresent(path))
            throw Refused(TargetTrouble.Incomplete, "an earlier backup has left it incomplete, a part on top of it is worth nothing: begin with a full one");
        return file.Kind;
    }

    private async Task<ImageInfo?> ProbeAsync(string path, FileKind? kind, CancellationToken cancellationToken) =>
        description is { Format: null, Mode: TargetMode.Existing } && kind is not null
            ? await new QemuImg(Target, environment).InfoAsync(path, null, cancellationToken)
            : null;

    private void RequireCompressible(string format)
    {
        if (description.Compress && !s_compressible.Contains(format))
            throw Refused(TargetTrouble.NotSupported, $"format {format} cannot be compressed ({string.Join(", ", s_compressible)} can)");
    }

    private TargetException Refused(TargetTrouble trouble, string reason) => new(Target, trouble, reason);
}
