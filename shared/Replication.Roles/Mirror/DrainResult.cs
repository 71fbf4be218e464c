namespace Replication.Roles.Mirror;

/// <summary>How a wait for a session's forwards ended.</summary>
public enum DrainResult
{
    /// <summary>Nothing was unanswered at that moment.</summary>
    Drained,

    TimedOut,

    /// <summary>The session was lost.</summary>
    Lost,
}
