using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Commands;

namespace Replication.Jobs.Targets;

/// <summary>A raw image in a file, or a block device.</summary>
internal static class RawTarget
{
    public const string Format = "raw";

    /// <param name="path">Where it is.</param>
    /// <param name="kind">What is there; null: nothing.</param>
    /// <param name="description">What was asked for.</param>
    /// <param name="environment">The node's.</param>
    public static BackupTarget Open(string path, FileKind? kind, TargetDescription description, TargetEnvironment environment)
    {
        if (description.BackingFile is not null)
            throw new TargetException(description.Target, TargetTrouble.NotSupported, "a raw image has no backing file");
        try
        {
            return kind == FileKind.BlockDevice ? OpenDevice(path, description, environment) : OpenFile(path, description, environment);
        }
        catch (DiskOpenException e)
        {
            throw new TargetException(description.Target, TroubleOf(e.Errno), e.Reason, e);
        }
    }

    /// <summary>Refuses what opening would refuse. Returns the unit of allocation.</summary>
    public static async Task<int> CheckAsync(string path, FileKind? kind, TargetDescription description, TargetEnvironment environment)
    {
        if (description.BackingFile is not null)
            throw new TargetException(description.Target, TargetTrouble.NotSupported, "a raw image has no backing file");
        if (kind is not null)
            await CheckUsableAsync(path, kind, description, environment, isKept: kind == FileKind.BlockDevice || description.Mode == TargetMode.Existing);
        return Limits.ClusterBytes;
    }

    /// <summary>Opens, locks and closes what is there.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="description">What was asked for.</param>
    /// <param name="environment">The node's.</param>
    /// <param name="isKept">Its length counts, for it is not made anew.</param>
    public static async Task CheckUsableAsync(
        string path, FileKind? kind, TargetDescription description, TargetEnvironment environment, bool isKept)
    {
        try
        {
            await using RawFile node = kind == FileKind.BlockDevice
                ? RawFile.OpenDevice(description.Target, path, environment.Workers)
                : RawFile.Open(description.Target, path, environment.Workers);
            if (isKept && node.LengthBytes != description.LengthBytes)
                throw TargetException.WrongLength(description.Target, node.LengthBytes, description.LengthBytes);
        }
        catch (DiskOpenException e)
        {
            throw new TargetException(description.Target, TroubleOf(e.Errno), e.Reason, e);
        }
    }

    private static BackupTarget OpenDevice(string path, TargetDescription description, TargetEnvironment environment)
    {
        RawFile node = RawFile.OpenDevice(description.Target, path, environment.Workers);
        return Checked(node, description, marker: null);
    }

    private static BackupTarget OpenFile(string path, TargetDescription description, TargetEnvironment environment)
    {
        IncompleteMarker? marker = description.Use == TargetUse.Scratch ? null : IncompleteMarker.Of(path, environment);
        if (description.Mode == TargetMode.Existing)
            return Checked(RawFile.Open(description.Target, path, environment.Workers), description, marker, () => Set(marker, description, environment));
        RawFile node = RawFile.CreateImage(
            description.Target, path, description.LengthBytes, environment.Workers, () => Set(marker, description, environment));
        return Checked(node, description, marker);
    }

    private static BackupTarget Checked(RawFile node, TargetDescription description, IncompleteMarker? marker, Action? beforeUse = null)
    {
        try
        {
            if (node.LengthBytes != description.LengthBytes)
                throw TargetException.WrongLength(description.Target, node.LengthBytes, description.LengthBytes);
            beforeUse?.Invoke();
            return new BackupTarget(node, FileIdentity.Resolve(node.Path), Format, Limits.ClusterBytes, marker, node.DisposeAsync);
        }
        catch
        {
            // Nothing is under way in it, so that closing it does not wait.
            _ = node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sets the mark of a target, in one line where that fails.</summary>
    public static void Set(IncompleteMarker? marker, TargetDescription description, TargetEnvironment environment)
    {
        try
        {
            marker?.Set(environment.Time.GetUtcNow());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TargetException(description.Target, TargetTrouble.Failed, $"cannot be marked as incomplete: {e.Message}", e);
        }
    }

    /// <summary>The kind of trouble that an error number of the kernel means.</summary>
    public static TargetTrouble TroubleOf(int errno) => errno switch
    {
        Errno.ENOENT => TargetTrouble.Missing,
        Errno.EACCES or Errno.EPERM => TargetTrouble.NoPermission,
        Errno.EAGAIN or EBUSY => TargetTrouble.InUse,
        _ => TargetTrouble.Failed,
    };

    private const int EBUSY = 16;
}
