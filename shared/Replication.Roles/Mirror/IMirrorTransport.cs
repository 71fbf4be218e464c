using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>A way to a secondary's mirror exports; the same behaviour behind every transport.</summary>
public interface IMirrorTransport
{
    /// <summary>The transport's name in status: "nbd".</summary>
    string Name { get; }

    /// <summary>Connects to one export.</summary>
    /// <param name="exportName">NAME@TOKEN.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="VerbException">With <see cref="VerbFailure.Unreachable"/>; names the address.</exception>
    Task<IMirrorConnection> ConnectAsync(string exportName, CancellationToken cancellationToken);
}

/// <summary>One connection to one mirror export. Dispose it to end it in order.</summary>
public interface IMirrorConnection : IAsyncDisposable
{
    /// <summary>The export as a node: many requests in flight, completed in any order.</summary>
    BlockNode Node { get; }

    /// <summary>
    /// Calls back once, with the reason, when the connection dies, before its pending requests fail; at once if it is dead. On any thread; must not block.
    /// </summary>
    void OnLost(Action<string> callback);

    /// <summary>Ends the connection without waiting; every pending request fails.</summary>
    void Abort(string reason);
}
