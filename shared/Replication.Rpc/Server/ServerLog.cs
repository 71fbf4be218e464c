using Microsoft.Extensions.Logging;

namespace Replication.Rpc.Server;

/// <summary>Log messages of the server side; event ids from 9000.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(9000, LogLevel.Error, "{Method} threw an exception that it should have turned into a status")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(9001, LogLevel.Debug, "{Method} ended with {Code}: {Detail}")]
    public static partial void CallEnded(ILogger logger, string method, Grpc.Core.StatusCode code, string detail);
}
