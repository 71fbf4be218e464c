using Microsoft.Extensions.Logging;
using Replication.Block.State;
using Replication.Roles;

namespace Replication.Control.Hosting;

/// <summary>The roles' log on the host's logger; event ids from 3000.</summary>
internal sealed partial class RoleLogger(ILogger logger) : RoleLog
{
    public override void StageChanged(NodeRole role, NodeStage before, NodeStage after) => LogStage(logger, role, before, after);

    public override void SessionOpened(Guid token) => LogSession(logger);

    public override void Warn(string message) => LogWarning(logger, message);

    public override void BackgroundFailed(string what, Exception exception) => LogBackground(logger, what, exception);

    [LoggerMessage(3000, LogLevel.Information, "{Role}: {Before} -> {After}")]
    private static partial void LogStage(ILogger logger, NodeRole role, NodeStage before, NodeStage after);

    // The token is what fences plain NBD: it does not belong into a log.
    [LoggerMessage(3001, LogLevel.Information, "a mirror session is open")]
    private static partial void LogSession(ILogger logger);

    [LoggerMessage(3002, LogLevel.Warning, "{Message}")]
    private static partial void LogWarning(ILogger logger, string message);

    [LoggerMessage(3003, LogLevel.Error, "{What} failed")]
    private static partial void LogBackground(ILogger logger, string what, Exception exception);
}
