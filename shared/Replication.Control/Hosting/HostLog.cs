using Microsoft.Extensions.Logging;

namespace Replication.Control.Hosting;

/// <summary>Log messages of the host; event ids from 1000.</summary>
internal static partial class HostLog
{
    [LoggerMessage(1000, LogLevel.Information, "group {Group} is served as {Role}: {Addresses}")]
    public static partial void Serving(ILogger logger, string group, string role, string addresses);

    [LoggerMessage(1001, LogLevel.Information, "ending: guests are drained, disks flushed")]
    public static partial void Ending(ILogger logger);

    [LoggerMessage(1002, LogLevel.Information, "ended")]
    public static partial void Ended(ILogger logger);

    [LoggerMessage(1003, LogLevel.Warning, "{Requests} have not ended in time; going on without them")]
    public static partial void NotDrained(ILogger logger, string requests);

    [LoggerMessage(1004, LogLevel.Warning, "NBD connection: {Trouble}")]
    public static partial void NbdTrouble(ILogger logger, string trouble);

    [LoggerMessage(1005, LogLevel.Error, "journal: {Trouble}")]
    public static partial void JournalTrouble(ILogger logger, string trouble);

    [LoggerMessage(1006, LogLevel.Warning, "a start that failed could not be undone as a whole")]
    public static partial void UndoFailed(ILogger logger, Exception exception);
}
