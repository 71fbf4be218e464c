using Replication.Block;
using Replication.Nbd;

namespace Replication.Roles.Mirror;

/// <summary>
/// The mirror over NBD: one connection an export. Errors name the disk and the address, never the export: its name holds the session's token.
/// </summary>
public sealed class NbdMirrorTransport(NbdAddress address) : IMirrorTransport
{
    public string Name => "nbd";

    public async Task<IMirrorConnection> ConnectAsync(string exportName, CancellationToken cancellationToken)
    {
        int token = exportName.LastIndexOf('@');
        string disk = token < 0 ? exportName : exportName[..token];
        try
        {
            var options = new NbdClientOptions { Name = $"{disk} at {address}" };
            return new Connection(await NbdClient.ConnectAsync(address, exportName, options, cancellationToken));
        }
        catch (NbdConnectException e)
        {
            string reason = e.Reason.Replace(exportName, disk, StringComparison.Ordinal);
            throw new VerbException(VerbFailure.Unreachable, $"the secondary's mirror listener {address} cannot be reached for disk '{disk}': {reason}", e);
        }
    }

    private sealed class Connection(NbdClientNode node) : IMirrorConnection
    {
        public BlockNode Node => node;

        public void OnLost(Action<string> callback) => node.OnClosed(reason => callback(reason.Message));

        public void Abort(string reason) => node.Abort(new IOException(reason));

        public ValueTask DisposeAsync() => node.DisposeAsync();
    }
}
