using Replication.Block.State;

namespace Replication.Roles.Tests.Pair;

internal sealed class TestLog : RoleLog
{
    public override void StageChanged(NodeRole role, NodeStage before, NodeStage after) =>
        TestContext.Current.SendDiagnosticMessage($"{role}: {before} -> {after}");

    public override void SessionOpened(Guid token) => TestContext.Current.SendDiagnosticMessage($"session {token:N}");

    public override void Warn(string message) => TestContext.Current.SendDiagnosticMessage(message);

    public override void BackgroundFailed(string what, Exception exception) => TestContext.Current.SendDiagnosticMessage($"{what}: {exception}");
}
