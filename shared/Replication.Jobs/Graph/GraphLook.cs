using Replication.Block;
using Replication.Block.Files;
using Replication.Jobs.Targets;
using Replication.Nbd;

namespace Replication.Jobs.Graph;

/// <summary>What a target was found to be, when its node was made.</summary>
/// <param name="LengthBytes">Of the disk in it.</param>
internal sealed record GraphLook(long LengthBytes)
{
    /// <summary>Looks without taking locks: a node that nobody uses keeps nobody else from the file.</summary>
    /// <exception cref="TargetException">It is not there, or not what it should be.</exception>
    public static async Task<GraphLook> AtAsync(string target, string? format, TargetEnvironment environment, CancellationToken cancellationToken)
    {
        if (format is null)
            return await AtExportAsync(target, environment, cancellationToken);
        string path = Path.GetFullPath(target);
        if (FileIdentity.Of(path, out string? reason) is not { } file)
            throw new TargetException(target, reason is null ? TargetTrouble.Missing : TargetTrouble.Failed, reason ?? "does not exist");
        if (environment.OwnFiles.Any(own => FileIdentity.Of(own, out _) == file))
            throw new TargetException(target, TargetTrouble.InUse, "is a file that this node uses itself; give another one");
        if (file.Kind is not (FileKind.Regular or FileKind.BlockDevice))
            throw new TargetException(target, TargetTrouble.NotSupported, "is neither a file nor a block device");
        // A block device has its length from a descriptor only, and QEMU's program knows how to ask.
        if (format != GraphNodeOptions.Raw || file.Kind == FileKind.BlockDevice)
            return new GraphLook((await new QemuImg(target, environment).InfoAsync(path, format, cancellationToken)).LengthBytes);
        try
        {
            await using RawFile opened = RawFile.OpenReadOnly(target, path, environment.Workers);
            return new GraphLook(opened.LengthBytes);
        }
        catch (DiskOpenException e)
        {
            throw new TargetException(target, RawTarget.TroubleOf(e.Errno), e.Reason, e);
        }
    }

    private static async Task<GraphLook> AtExportAsync(string target, TargetEnvironment environment, CancellationToken cancellationToken)
    {
        var address = NbdAddress.Parse(target);
        if (environment.IsOwnExport(address))
            throw new TargetException(target, TargetTrouble.InUse, "is an export of this node itself");
        try
        {
            await using BlockNode node = await NbdClient.ConnectAsync(
                address, address.ExportName, new NbdClientOptions { Name = target }, cancellationToken);
            return new GraphLook(node.LengthBytes);
        }
        catch (NbdConnectException e)
        {
            throw new TargetException(target, TargetTrouble.Failed, e.Reason, e);
        }
    }
}
