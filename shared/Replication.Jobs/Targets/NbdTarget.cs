using Replication.Nbd;

namespace Replication.Jobs.Targets;

/// <summary>An export of an NBD server. Nothing says that it is incomplete but the job: a server has no place beside an export.</summary>
internal sealed class NbdTarget(TargetDescription description, TargetEnvironment environment)
{
    public async Task<BackupTarget> OpenAsync(CancellationToken cancellationToken)
    {
        if (!NbdAddress.TryParse(description.Target, out NbdAddress? address, out string? reason))
            throw Refused(TargetTrouble.NotSupported, reason);
        if (description.Format is not (null or RawTarget.Format))
        {
            string advice = "serve the image with qemu-nbd, and name no format here";
            throw Refused(TargetTrouble.NotSupported, $"format {description.Format} over NBD is not supported: {advice}");
        }


        if (description.Compress)
            throw Refused(TargetTrouble.NotSupported, "an NBD export cannot be compressed");
        if (description.BackingFile is not null)
            throw Refused(TargetTrouble.NotSupported, "an NBD export has no backing file");
        if (environment.IsOwnExport(address))
            throw Refused(TargetTrouble.InUse, "is an export of this node itself");
        NbdClientNode node = await ConnectAsync(address, cancellationToken);
        try
        {
            if (node.IsReadOnly)
                throw Refused(TargetTrouble.NoPermission, "the export is read-only");
            if (node.LengthBytes != description.LengthBytes)
                throw TargetException.WrongLength(description.Target, node.LengthBytes, description.LengthBytes);
            return new BackupTarget(node, address.ToString(), RawTarget.Format, ClusterOf(node), marker: null, node.DisposeAsync)
            {
                WhenCut = () => node.Abort(new IOException($"target {description.Target} was given up")),
            };
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    private async Task<NbdClientNode> ConnectAsync(NbdAddress address, CancellationToken cancellationToken)
    {
        try
        {
            return await NbdClient.ConnectAsync(address, address.ExportName, new NbdClientOptions { Name = description.Target }, cancellationToken);
        }
        catch (NbdConnectException e)
        {
            throw Refused(TargetTrouble.Failed, e.Reason, e);
        }
    }

    /// <summary>Requests are whole clusters, which a server with a larger smallest block has to take; 0: it has said nothing of use.</summary>
    private static int ClusterOf(NbdClientNode node) => node.MinimumBlockBytes > Limits.ClusterBytes ? node.MinimumBlockBytes : 0;

    private TargetException Refused(TargetTrouble trouble, string reason, Exception? inner = null) => new(description.Target, trouble, reason, inner);
}
