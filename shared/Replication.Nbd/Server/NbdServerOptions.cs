namespace Replication.Nbd;

public sealed record NbdServerOptions
{
    /// <summary>Connections at once, handshakes included; more are closed as soon as they are accepted.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>From the accept to the end of the handshake.</summary>
    public TimeSpan HandshakeDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stopping server waits for clients to take the replies that it owes them.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets one line for each connection that ended in trouble; called on any thread, must not block.</summary>
    public Action<string>? Trouble { get; init; }

    /// <summary>Where connections take their memory from; tests have their own, and look for leaks.</summary>
    internal ChunkPool Pool { get; init; } = ChunkPool.Shared;
}
