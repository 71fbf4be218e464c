using System.Collections;
using Replication.Roles;

namespace Replication.Control.Hosting;

/// <summary>What a host meets outside: the process's own, or a test's.</summary>
internal sealed record HostSurroundings
{
    public required TextWriter Output { get; init; }

    public required TextWriter Error { get; init; }

    public required IEnumerable<KeyValuePair<string, string>> Environment { get; init; }

    /// <summary>Completes when the node shall end.</summary>
    public required Task ShutdownRequested { get; init; }

    public Func<NodeOptions, NodeServices, Task<IHostedNode>> OpenNode { get; init; } = HostedGroupNode.OpenAsync;

    public static HostSurroundings OfProcess(Task shutdownRequested) => new()
    {
        Output = Console.Out,
        Error = Console.Error,
        Environment =
            [.. System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""))],
        ShutdownRequested = shutdownRequested,
    };
}
