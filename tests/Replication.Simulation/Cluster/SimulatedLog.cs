using Replication.Block.State;
using Replication.Roles;

namespace Replication.Simulation.Cluster;

internal sealed class SimulatedLog(string node, Action<string> tell) : RoleLog
{
    public override void StageChanged(NodeRole role, NodeStage before, NodeStage after) => tell($"{node}: {before} -> {after}");

    public override void SessionOpened(Guid token) => tell($"{node}: session {token:N}");

    public override void Warn(string message) => tell($"{node}: warning: {message}");

    public override void BackgroundFailed(string what, Exception exception) => tell($"{node}: {what}: {exception}");
}
