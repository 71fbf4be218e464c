using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <summary>
/// When the next attempt to come back is due. Used by one loop at a time. An attempt that succeeds counts as well: each outage costs the guest a deadline, so a
/// pair that comes back and is lost at once again and again waits longer each time. A session that has lived for longer than the longest wait ends the series.
/// </summary>
internal sealed class ReconnectPace(TimeProvider time, Func<double> random)
{
    private readonly BackOff _backOff = new(random);
    private long _triedAt;
    private TimeSpan _wait;
    private (NodeStage Stage, Guid Generation, ulong Epoch, Guid Incarnation)? _blockedAt;

    /// <summary>The peer stands where the next attempt has a chance, and the last one's back-off is over.</summary>
    public bool IsDue(PeerPosition position)
    {
        if (_blockedAt == PlaceOf(position))
            return false;
        _blockedAt = null;
        return time.GetElapsedTime(_triedAt) >= _wait;
    }

    /// <summary>The pair is lost anew.</summary>
    public void Begin()
    {
        _blockedAt = null;
        if (time.GetElapsedTime(_triedAt) <= Limits.ReconnectLongestWait)
            return;
        _wait = TimeSpan.Zero;
        _backOff.Reset();
    }

    /// <summary>An attempt is over, whichever way.</summary>
    public void Tried()
    {
        _triedAt = time.GetTimestamp();
        _wait = _backOff.Next();
    }

    /// <summary>No attempt before the peer stands somewhere else, has been away, or has been restarted, however quickly.</summary>
    public void Block(PeerPosition position) => _blockedAt = PlaceOf(position);

    public void PeerIsGone() => _blockedAt = null;

    private static (NodeStage Stage, Guid Generation, ulong Epoch, Guid Incarnation) PlaceOf(PeerPosition position) =>
        (position.Stage, position.History.Count == 0 ? default : position.Generation.Id, position.Epoch, position.Incarnation);
}
