using Replication.Block;
using Replication.Nbd;

namespace Replication.Roles.Mirror;

/// <summary>The mirror over NBD: one connection an export.</summary>
public sealed class NbdMirrorTransport(NbdAddress address) : IMirrorTransport
{
    public string Name => "nbd";

    public async Task<IMirrorConnection> ConnectAsync(string exportName, CancellationToken cancellationToken)
    {
        try
        {
            return new Connection(await NbdClient.ConnectAsync(address, exportName, new NbdClientOptions(), cancellationToken));
        }
        catch (IOException e)
        {
            throw new VerbException(VerbFailure.Unreachable, $"the secondary's mirror listener {address} cannot be reached: {e.Message}", e);
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
