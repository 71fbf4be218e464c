namespace Replication.Roles.Mirror;

/// <summary>
/// Whether a sync that repeats its passes gets anywhere. A guest that trims much, or writes more than the link takes, makes blocks need a copy again as fast as
/// they are copied, for ever: a sync that does not hold the guest up (invariant No hostage) has to end then.
/// </summary>
/// <remarks>
/// What is left when a pass begins must become less by an eighth now and then: within a number of passes, since one pass over much data takes long, and within
/// a time, since one over little takes none. So the number of passes is bounded, too: an eighth less each time is nothing after a few hundred.
/// </remarks>
internal sealed class PassProgress(TimeProvider time)
{
    private long _leastBytes = long.MaxValue;
    private long _leastAt; // a timestamp
    private int _passes; // since then

    /// <summary>A pass begins, and that much is left: true where the passes before it were of no use.</summary>
    public bool IsStalled(long leftBytes)
    {
        if (leftBytes <= _leastBytes - (_leastBytes / 8))
        {
            (_leastBytes, _leastAt, _passes) = (leftBytes, time.GetTimestamp(), 0);
            return false;
        }

        _passes++;
        return _passes >= Limits.StalledPasses && time.GetElapsedTime(_leastAt) >= Limits.CopyPatience;
    }
}
