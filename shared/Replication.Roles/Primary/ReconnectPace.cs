using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <summary>When the next attempt to come back is due. Used by one loop.</summary>
internal sealed class ReconnectPace(TimeProvider time, Func<double> random)
{
    private readonly BackOff _backOff = new(random);
    private long _failedAt;
    private TimeSpan _wait;
    private (NodeStage Stage, Guid Generation, ulong Epoch)? _blockedAt;

    /// <summary>The peer stands where the next attempt has a chance, and the last one's back-off is over.</summary>
    public bool IsDue(PeerPosition position)
    {
        if (_blockedAt == PlaceOf(position))
            return false;
        _blockedAt = null;
        return time.GetElapsedTime(_failedAt) >= _wait;
    }

    public void Failed()
    {
        _failedAt = time.GetTimestamp();
        _wait = _backOff.Next();
    }

    /// <summary>No attempt before the peer stands somewhere else, or has been away.</summary>
    public void Block(PeerPosition position) => _blockedAt = PlaceOf(position);

    public void PeerIsGone() => _blockedAt = null;

    public void Succeeded()
    {
        _wait = TimeSpan.Zero;
        _backOff.Reset();
    }

    private static (NodeStage Stage, Guid Generation, ulong Epoch) PlaceOf(PeerPosition position) =>
        (position.Stage, position.History.Count == 0 ? default : position.Generation.Id, position.Epoch);
}
