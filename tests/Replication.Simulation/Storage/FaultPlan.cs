using Replication.Block;

namespace Replication.Simulation.Storage;

/// <summary>Which requests of a host's media fail; armed by the workload, a few requests at a time.</summary>
internal sealed class FaultPlan
{
    private string _part = "";
    private int _errno;
    private int _left;
    private int _skip;
    private BlockOperation[] _operations = [];

    /// <summary>Requests that have failed so far.</summary>
    public int Failed { get; private set; }

    public bool IsArmed => _left > 0;

    /// <summary>Lets <paramref name="count"/> requests fail on nodes whose name has <paramref name="part"/>, after <paramref name="skip"/> that do not.</summary>
    public void Arm(string part, int errno, int skip, int count, params BlockOperation[] operations) =>
        (_part, _errno, _skip, _left, _operations) = (part, errno, skip, count, operations);

    public void Disarm() => _left = 0;

    /// <summary>0, or the error of this request.</summary>
    public int Draw(string node, BlockOperation operation)
    {
        if (_left == 0 || !node.Contains(_part, StringComparison.Ordinal) || !_operations.Contains(operation) || _skip-- > 0)
            return 0;
        _left--;
        Failed++;
        return _errno;
    }
}
