namespace Replication.Simulation.Workload;

/// <summary>How often a run does what; drawn from the seed, since some faults only show where others are rare.</summary>
internal sealed class Mix
{
    private readonly List<(int Weight, Action Action)> _actions = [];
    private int _total;

    public void Add(int weight, Action action)
    {
        if (weight == 0)
            return;
        _actions.Add((weight, action));
        _total += weight;
    }

    public Action Draw(Random random)
    {
        int at = random.Next(_total);
        foreach ((int weight, Action action) in _actions)
        {
            at -= weight;
            if (at < 0)
                return action;
        }

        throw new InvalidOperationException("a mix has actions");
    }
}
