using System.Text;
using Replication.Block;

namespace Replication.Nbd;

/// <summary>
/// One export: a block node under a name, and the connections that use it.
/// </summary>
/// <remarks>
/// After <see cref="RevokeAsync"/> has returned, no byte of its connections, wherever it may still lie, can reach the node, and no request is in flight
/// (invariants Fence and Whole rest on it). A revoked export takes no new connection; the catalog should stop offering it.
/// </remarks>
public sealed class NbdExport
{
    private readonly Lock _lock = new();
    private readonly IReadOnlyList<INbdMetaContext> _contexts = [];
    private readonly List<IExportUser> _users = []; // Guarded by _lock.
    private string? _revoked; // Guarded by _lock; set once.

    public NbdExport(string name, BlockNode node)
    {
        Name = name;
        Label = name;
        Node = node;
        OfferedContexts = OwnContexts(node);
    }

    public string Name { get; }

    /// <summary>What logs call it; another one than the name where that is nobody's business.</summary>
    public string Label { get; init; }

    public BlockNode Node { get; }

    public string Description { get; init; } = "";

    public bool ReadOnly { get; init; }

    /// <summary>
    /// Clients may trim though the export is read-only: it means that they do not need the range any more, as readers of a point in time do. Only for nodes
    /// whose discard means that, too.
    /// </summary>
    public bool TakesTrim { get; init; }

    /// <summary>What clients may ask for besides <c>base:allocation</c>, which every export has whose node tells a status.</summary>
    /// <exception cref="ArgumentException">Two have one name, or one has none that a client could ask for.</exception>
    public IReadOnlyList<INbdMetaContext> Contexts
    {
        get => _contexts;
        init
        {
            _contexts = value;
            OfferedContexts = [.. OwnContexts(Node), .. value];
            if (OfferedContexts.DistinctBy(context => context.Name).Count() != OfferedContexts.Count)
                throw new ArgumentException($"export '{Name}' would have two contexts of one name", nameof(value));
            if (value.Any(context => !context.Name.Contains(':', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(context.Name) > Limits.MaxStringBytes))
                throw new ArgumentException($"a context of export '{Name}' has a name without a namespace, or one that is too long", nameof(value));
        }
    }

    /// <summary>Whether a client may use several connections as one: flush and FUA of one cover the writes answered on all (our nodes guarantee it).</summary>
    public bool MultiConn { get; init; } = true;

    /// <summary>Connections in transmission at once; one more is refused.</summary>
    public int MaxConnections { get; init; } = int.MaxValue;

    public int ConnectionCount
    {
        get
        {
            lock (_lock)
                return _users.Count;
        }
    }

    /// <summary>A client has finished its handshake. Raised on the connection's thread before its first request is read; must not block long.</summary>
    public event Action<NbdConnectionInfo>? ConnectionOpened;

    /// <summary>
    /// A connection reads no more requests. Raised once for each opened one, on the connection's thread, as soon as that is known: its last requests may
    /// still be in flight (<see cref="RevokeAsync"/> waits for them). Must not block long, nor wait for <see cref="RevokeAsync"/>.
    /// </summary>
    public event Action<NbdConnectionInfo, NbdCloseReason>? ConnectionClosed;

    /// <summary>Stops reading from all connections at once, waits for their requests in flight and closes them. Repeated calls wait for the same end.</summary>
    public Task RevokeAsync(string reason)
    {
        IExportUser[] users;
        lock (_lock)
        {
            _revoked ??= reason;
            users = [.. _users];
        }

        var why = new NbdCloseReason(NbdCloseKind.Revoked, reason);
        foreach (IExportUser user in users)
            user.Revoke(why);
        return Task.WhenAll(users.Select(user => user.Completion));
    }

    /// <summary>All contexts, in the order of a listing.</summary>
    internal IReadOnlyList<INbdMetaContext> OfferedContexts { get; private init; }

    /// <summary>Revokes the export if no connection uses it: then none will.</summary>
    internal bool TryWithdraw(string reason, out int connections)
    {
        lock (_lock)
        {
            connections = _users.Count;
            if (connections == 0)
                _revoked ??= reason;
            return connections == 0;
        }
    }

    /// <summary>Admits a connection whose handshake has chosen this export; null, or why not.</summary>
    internal string? TryAttach(IExportUser user)
    {
        lock (_lock)
        {
            if (_revoked is not null)
                return $"the export is withdrawn: {_revoked}";
            if (_users.Count >= MaxConnections)
                return "the export is in use";
            _users.Add(user);
            return null;
        }
    }

    /// <summary>The connection is closed and nothing of it is in flight.</summary>
    internal void Detach(IExportUser user)
    {
        lock (_lock)
            _users.Remove(user);
    }

    internal void RaiseOpened(NbdConnectionInfo connection) => ConnectionOpened?.Invoke(connection);

    internal void RaiseClosed(NbdConnectionInfo connection, NbdCloseReason reason) => ConnectionClosed?.Invoke(connection, reason);

    private static INbdMetaContext[] OwnContexts(BlockNode node) =>
        node.Capabilities.Status == Capability.None ? [] : [new BaseAllocationContext(node)];
}
