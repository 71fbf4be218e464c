using Replication.Block;

namespace Replication.Simulation.Storage;

/// <summary>Which requests of a host's media fail, or are the last of their process; armed by the workload.</summary>
internal sealed class FaultPlan
{
    private string _part = "";
    private int _errno;
    private int _left;
    private int _skip;
    private BlockOperation[] _operations = [];
    private int _writesLeft;
    private Action _kill = () => { };

    /// <summary>Requests that have failed so far.</summary>
    public int Failed { get; private set; }

    public bool IsArmed => _left > 0;

    /// <summary>Lets <paramref name="count"/> requests fail on nodes whose name has <paramref name="part"/>, after <paramref name="skip"/> that do not.</summary>
    public void Arm(string part, int errno, int skip, int count, params BlockOperation[] operations) =>
        (_part, _errno, _skip, _left, _operations) = (part, errno, skip, count, operations);

    public void Disarm() => _left = 0;

    /// <summary>Ends the process at its n-th write from now on; that write, and whatever else is under way, may be there or not. 0: at none.</summary>
    public void KillAtWrite(int number, Action kill) => (_writesLeft, _kill) = (number, kill);

    /// <summary>A write has been submitted.</summary>
    public void CountWrite()
    {
        if (_writesLeft > 0 && --_writesLeft == 0)
            _kill();
    }

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
