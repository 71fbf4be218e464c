using Replication.Block;

namespace Replication.Simulation.Storage;

/// <summary>Which requests of a host's media fail, or are the last of their process; armed by the workload.</summary>
internal sealed class FaultPlan
{
    private Func<string, bool> _matches = _ => false;
    private BlockOperation[] _operations = [];
    private int _errno;
    private int _left;
    private int _skip;
    private int _writesLeft;
    private Func<string, bool>? _counts;
    private Action _kill = () => { };

    /// <summary>Requests that have failed so far.</summary>
    public int Failed { get; private set; }

    /// <summary>
    /// Those of them that were records: a process whose record fails twice in a row ends itself, as it cannot know what a restart would find.
    /// </summary>
    public int FailedRecords { get; private set; }

    public bool IsArmed => _left > 0;

    /// <summary>Told of every moment at which what a crash leaves may change: a write that is submitted, a name that comes or goes.</summary>
    public Action? Watcher { get; set; }

    /// <summary>Told of every write that is submitted: the node's name and what it writes.</summary>
    public Action<string, ReadOnlyMemory<byte>> WriteSeen { get; set; } = (_, _) => { };

    /// <summary>Lets <paramref name="count"/> requests fail on the nodes and files whose names match, after <paramref name="skip"/> that do not.</summary>
    public void Arm(Func<string, bool> matches, int errno, int skip, int count, params BlockOperation[] operations) =>
        (_matches, _errno, _skip, _left, _operations) = (matches, errno, skip, count, operations);

    public void Disarm() => _left = 0;

    /// <summary>
    /// Ends the process at its n-th write from now on, of those that count (by the node's or file's name; null: all);
    /// that write, and whatever else is under way, may be there or not. 0: at none.
    /// </summary>
    public void KillAtWrite(int number, Action kill, Func<string, bool>? counts = null) => (_writesLeft, _counts, _kill) = (number, counts, kill);

    /// <summary>A write has been submitted.</summary>
    public void CountWrite(string name)
    {
        Watcher?.Invoke();
        if (_writesLeft > 0 && _counts?.Invoke(name) != false && --_writesLeft == 0)
            _kill();
    }

    /// <summary>0, or the error of this request.</summary>
    public int Draw(string node, BlockOperation operation)
    {
        if (_left == 0 || !_operations.Contains(operation) || !_matches(node) || _skip-- > 0)
            return 0;
        _left--;
        Failed++;
        if (node == SimulatedDirectory.RecordNode)
            FailedRecords++;
        return _errno;
    }
}
