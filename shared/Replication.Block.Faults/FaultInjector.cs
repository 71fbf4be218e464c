namespace Replication.Block.Faults;

/// <summary>The fault rules of a process. It exists only where rules were asked for: without it no fault node stands in any graph.</summary>
public sealed class FaultInjector
{
    private readonly TimeProvider _time;
    private volatile FaultRule[] _rules; // replaced as a whole, under _lock
    private readonly Lock _lock = new();

    public FaultInjector(TimeProvider time, params IEnumerable<FaultRule> rules)
    {
        _time = time;
        _rules = [.. rules];
    }

    /// <summary>Reads the lines of the configuration key <c>Faults</c>.</summary>
    /// <exception cref="FormatException">One line that quotes the first bad rule and says what is wrong with it.</exception>
    public static FaultInjector Parse(IEnumerable<string> lines, TimeProvider time) => new(time, lines.Select(FaultRule.Parse));

    /// <summary>The breakpoint that a rule names.</summary>
    public Breakpoint Breakpoint(string name) => _rules.Select(rule => rule.Breakpoint).First(breakpoint => breakpoint?.Name == name)!;

    public FaultRule Add(FaultRule rule)
    {
        lock (_lock)
            _rules = [.. _rules, rule];
        return rule;
    }

    public FaultRule Add(string line) => Add(FaultRule.Parse(line));

    public void Remove(FaultRule rule)
    {
        lock (_lock)
            _rules = [.. _rules.Where(r => r != rule)];
    }

    /// <summary>Puts a fault node of the same name above <paramref name="node"/> and takes the node over: disposing the one disposes the other.</summary>
    public BlockNode Decorate(BlockNode node) => Decorate(node.Name, node);

    /// <summary>The same under another name, for a place in the graph rather than a node.</summary>
    public BlockNode Decorate(string name, BlockNode node) => new FaultNode(name, node, this, _time);

    /// <summary>The first rule that meets the request; every rule counts it. Null: no fault.</summary>
    internal FaultRule? Meet(string node, BlockOperation operation, BlockRange range)
    {
        FaultRule? met = null;
        foreach (FaultRule rule in _rules)
        {
            if (rule.Meets(node, operation, range))
                met ??= rule;
        }

        return met;
    }
}
