using Replication.Block.State;

namespace Replication.Roles;

/// <summary>What roles write to the log; Information means that a state changed. Event ids 3000 to 3999.</summary>
public abstract class RoleLog
{
    public abstract void StageChanged(NodeRole role, NodeStage before, NodeStage after);

    public abstract void SessionOpened(Guid token);

    public abstract void Warn(string message);

    public abstract void BackgroundFailed(string what, Exception exception);

    internal void UndoFailed(Exception e) => Warn($"an undo step failed: {e.Message}");

    internal void EpochInDoubt(string reason) => Warn($"the secondary's epoch is not known: {reason}");

    internal void RecordFailed(string reason) => Warn($"guest writes are refused until failover --node primary: {reason}");

    internal void DrainFailed(string reason) => Warn($"the mirror was not drained: {reason}");

    internal void MarksLost(string reason) => Warn($"the dirty marks cannot be used, the next sync compares digests: {reason}");

    internal void PrimaryNotHeld(string reason) => Warn($"the primary could not be asked to hold: {reason}");

    internal void PrimaryNotReleased(string reason) => Warn($"the primary could not be told: {reason}");
}
