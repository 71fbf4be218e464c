using Replication.Roles;

namespace Replication.Simulation.Cluster;

/// <summary>What a node publishes and reports goes into the run's story.</summary>
internal sealed class SimulatedJournal(string node, Action<string> tell) : INodeJournal
{
    private readonly List<string> _errors = [];

    public string? OldestError => _errors.Count == 0 ? null : _errors[0];

    /// <summary>How often each event has come since the node's process began.</summary>
    public Dictionary<string, int> Counts { get; } = [];

    public void Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields)
    {
        Counts[type] = Counts.GetValueOrDefault(type) + 1;
        var text = new System.Text.StringBuilder($"{node}: {type}");
        foreach ((string name, object value) in fields)
            text.Append($" {name}={value}");
        tell(text.ToString());
    }

    public void Report(FailureReport failure)
    {
        _errors.Add(failure.Message);
        tell($"{node}: case {(int)failure.Case} on {failure.Disk}: {failure.Text}");
    }

    public void SettleDifferences(string disk, string settled) => tell($"{node}: differences of {disk}: {settled}");
}
