namespace Replication.Roles.Tests.Pair;

/// <summary>Keeps what a node's roles wrote.</summary>
internal sealed class TestJournal : INodeJournal
{
    private readonly Lock _lock = new();
    private readonly List<(string Type, Dictionary<string, object> Fields)> _events = []; // guarded by _lock
    private readonly List<FailureReport> _failures = []; // guarded by _lock
    private readonly List<(string Disk, string Settled)> _settlements = []; // guarded by _lock

    public string? OldestError
    {
        get
        {
            lock (_lock)
                return _failures.Count == 0 ? null : _failures[0].Message;
        }
    }

    public IReadOnlyList<FailureReport> Failures
    {
        get
        {
            lock (_lock)
                return [.. _failures];
        }
    }

    public IReadOnlyList<Dictionary<string, object>> Of(string type)
    {
        lock (_lock)
            return [.. _events.Where(e => e.Type == type).Select(e => e.Fields)];
    }

    /// <summary>Disks whose differences are settled, and how.</summary>
    public IReadOnlyList<(string Disk, string Settled)> Settlements
    {
        get
        {
            lock (_lock)
                return [.. _settlements];
        }
    }

    public void Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields)
    {
        var copy = new Dictionary<string, object>();
        foreach ((string name, object value) in fields)
            copy[name] = value;
        lock (_lock)
            _events.Add((type, copy));
    }

    public void Report(FailureReport failure)
    {
        lock (_lock)
            _failures.Add(failure);
    }

    public void SettleDifferences(string disk, string settled)
    {
        lock (_lock)
            _settlements.Add((disk, settled));
    }
}
