using Replication.Roles;

namespace Replication.Simulation.Cluster;

/// <summary>What a node publishes and reports goes into the run's story.</summary>
internal sealed class SimulatedJournal(string node, Action<string> tell) : INodeJournal
{
    private readonly List<string> _errors = [];

    public string? OldestError => _errors.Count == 0 ? null : _errors[0];

    /// <summary>How often each event has come since the node's process began.</summary>
    public Dictionary<string, int> Counts { get; } = [];

    /// <summary>Told of each job's status.</summary>
    public Action<string, string> JobStatusChanged { get; init; } = (_, _) => { };

    /// <summary>Told of each job's end, and whether it has succeeded.</summary>
    public Action<string, bool> JobConcluded { get; init; } = (_, _) => { };

    public void Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields)
    {
        Counts[type] = Counts.GetValueOrDefault(type) + 1;
        var text = new System.Text.StringBuilder($"{node}: {type}");
        foreach ((string name, object value) in fields)
            text.Append($" {name}={value}");
        tell(text.ToString());
        if (type is EventTypes.JobStatusChange)
            JobStatusChanged((string)fields[0].Value, (string)fields[1].Value);
        else if (type is EventTypes.JobCompleted or EventTypes.JobCancelled)
            JobConcluded((string)fields[0].Value, type is EventTypes.JobCompleted && !HasErrno(fields));
    }

    private static bool HasErrno(ReadOnlySpan<(string Name, object Value)> fields)
    {
        foreach ((string name, _) in fields)
        {
            if (name == "errno")
                return true;
        }

        return false;
    }

    public void Report(FailureReport failure)
    {
        _errors.Add(failure.Message);
        tell($"{node}: case {(int)failure.Case} on {failure.Disk}: {failure.Text}");
    }

    public void SettleDifferences(string disk, string settled) => tell($"{node}: differences of {disk}: {settled}");
}
