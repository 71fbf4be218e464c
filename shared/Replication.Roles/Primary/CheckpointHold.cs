namespace Replication.Roles.Primary;

/// <summary>A checkpoint between Begin and End: the guest's writes wait at the gate, under a lease.</summary>
internal sealed class CheckpointHold(BegunCheckpoint begun, long heldAtTimestamp, ITimer lease) : IDisposable
{
    public BegunCheckpoint Begun { get; } = begun;

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the gate closed.</summary>
    public long HeldAtTimestamp { get; } = heldAtTimestamp;

    public void Dispose() => lease.Dispose();
}
