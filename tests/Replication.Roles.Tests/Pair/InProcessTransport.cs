using Replication.Block;
using Replication.Nbd;
using Replication.Roles.Mirror;

namespace Replication.Roles.Tests.Pair;

/// <summary>The mirror without sockets: a connection is the peer's export node behind a node that can be cut.</summary>
internal sealed class InProcessTransport(Func<GroupNode?> peer) : IMirrorTransport
{
    private readonly List<Connection> _connections = [];

    public string Name => "test";

    public Task<IMirrorConnection> ConnectAsync(string exportName, CancellationToken cancellationToken)
    {
        NbdExport export = peer()?.MirrorExports.Find(exportName) ?? throw new VerbException(VerbFailure.Unreachable, $"no export {exportName}");
        var connection = new Connection(new CuttableNode(export.Node));
        _connections.Add(connection);
        return Task.FromResult<IMirrorConnection>(connection);
    }

    /// <summary>Every connection breaks.</summary>
    public void Cut(string reason)
    {
        foreach (Connection connection in _connections)
            connection.Abort(reason);
        _connections.Clear();
    }

    private sealed class Connection(CuttableNode node) : IMirrorConnection
    {
        private readonly List<Action<string>> _lost = [];
        private string? _reason;

        public BlockNode Node => node;

        public void OnLost(Action<string> callback)
        {
            if (_reason is { } reason)
                callback(reason);
            else
                _lost.Add(callback);
        }

        public void Abort(string reason)
        {
            if (_reason is not null)
                return;
            _reason = reason;
            foreach (Action<string> callback in _lost)
                callback(reason);
            node.Cut(reason);
        }

        public ValueTask DisposeAsync()
        {
            Abort("closed");
            return default;
        }
    }
}
