using Microsoft.Extensions.Logging;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>Log messages of the QMP door; event ids from 4000.</summary>
internal sealed partial class QmpLog(ILogger logger) : IQmpObserver
{
    public void ClientConnected(long client) => Connected(logger, client);

    public void ClientGone(long client, string reason, bool isFault)
    {
        if (isFault)
            Closed(logger, client, reason);
        else
            Gone(logger, client, reason);
    }

    public void CommandBroke(long client, string command, Exception failure) => Broke(logger, client, command, failure);

    [LoggerMessage(4000, LogLevel.Debug, "QMP client {Client} is there")]
    private static partial void Connected(ILogger logger, long client);

    [LoggerMessage(4001, LogLevel.Debug, "QMP client {Client} is gone: {Reason}")]
    private static partial void Gone(ILogger logger, long client, string reason);

    [LoggerMessage(4002, LogLevel.Warning, "QMP client {Client} was closed: {Reason}")]
    private static partial void Closed(ILogger logger, long client, string reason);

    [LoggerMessage(4003, LogLevel.Error, "QMP client {Client}: {Command} ended with a failure of the node's own")]
    private static partial void Broke(ILogger logger, long client, string command, Exception exception);
}
