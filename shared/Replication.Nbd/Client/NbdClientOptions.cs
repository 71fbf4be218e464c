namespace Replication.Nbd;

public sealed record NbdClientOptions
{
    /// <summary>Name of the node in errors and logs; by default the address and the export.</summary>
    public string? Name { get; init; }

    /// <summary>For name resolution, connection and handshake together.</summary>
    public TimeSpan ConnectDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Ask for structured replies and base:allocation; without them block status is unknown and errors have no text.</summary>
    public bool Structured { get; init; } = true;

    /// <summary>
    /// Contexts to ask for besides base:allocation, by their full names (<see cref="NbdContextNames"/>); needs <see cref="Structured"/>. One that the
    /// server lacks is no error: <see cref="NbdClientNode.Contexts"/> says what it has.
    /// </summary>
    public IReadOnlyList<string> Contexts { get; init; } = [];

    /// <summary>Where connections take their memory from; tests have their own, and look for leaks.</summary>
    internal ChunkPool Pool { get; init; } = ChunkPool.Shared;
}
