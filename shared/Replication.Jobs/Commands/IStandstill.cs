using Replication.Block.Locks;

namespace Replication.Jobs.Commands;

/// <summary>Holds every change of a node's disks still: the moment of a command.</summary>
public interface IStandstill
{
    /// <summary>
    /// Completes when no change is under way, and none begins until <see cref="Release"/>. False: that did not come in time, and nothing is held.
    /// </summary>
    ValueTask<bool> TryHoldAsync(TimeSpan patience);

    /// <summary>Everything goes on.</summary>
    void Release();
}

/// <summary>Where one gate is all there is.</summary>
/// <param name="gate">That of the disks' nodes.</param>
public sealed class GateStandstill(GroupGate gate) : IStandstill
{
    public ValueTask<bool> TryHoldAsync(TimeSpan patience) => gate.CloseAsync(patience);

    public void Release() => gate.Open();
}
