namespace Replication.Roles.Primary;

/// <summary>A checkpoint between Begin and End: the guest's writes wait at the gate, under a lease.</summary>
internal sealed class CheckpointHold(BegunCheckpoint begun, long heldAtTimestamp) : IDisposable
{
    public BegunCheckpoint Begun { get; } = begun;

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the gate closed.</summary>
    public long HeldAtTimestamp { get; } = heldAtTimestamp;

    /// <summary>Runs out when nobody has ended the checkpoint.</summary>
    public ITimer? Lease { get; set; } // set before the hold can be seen

    public void Dispose() => Lease?.Dispose();
}
