using Microsoft.Extensions.Logging;
using Replication.Block.State;
using Replication.Roles;

namespace Replication.Control.Hosting;

/// <summary>The roles' log on the host's logger; event ids from 3000.</summary>
internal sealed partial class RoleLogger(ILogger logger) : RoleLog
{
    public override void StageChanged(NodeRole role, NodeStage before, NodeStage after) =>
        LogStage(logger, ReadyLine.NameOf(role), NameOf(before), NameOf(after));

    public override void SessionOpened(Guid token) => LogSession(logger);

    public override void Warn(string message) => LogWarning(logger, message);

    public override void BackgroundFailed(string what, Exception exception) => LogBackground(logger, what, exception);

    /// <summary>The contract's name.</summary>
    private static string NameOf(NodeStage stage) => stage == NodeStage.FailoverFailed ? "failover-failed" : stage.ToString().ToLowerInvariant();

    [LoggerMessage(3000, LogLevel.Information, "{Role}: stage {Before} -> {After}")]
    private static partial void LogStage(ILogger logger, string role, string before, string after);

    // The token is what fences plain NBD: it does not belong into a log.
    [LoggerMessage(3001, LogLevel.Information, "a mirror session is open")]
    private static partial void LogSession(ILogger logger);

    [LoggerMessage(3002, LogLevel.Warning, "{Message}")]
    private static partial void LogWarning(ILogger logger, string message);

    [LoggerMessage(3003, LogLevel.Error, "{What} failed")]
    private static partial void LogBackground(ILogger logger, string what, Exception exception);
}
