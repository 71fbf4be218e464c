namespace Replication.Controller.CommandLine;

/// <summary>What scripts rely on; docs/CLI.md explains each.</summary>
internal enum ExitCode
{
    Done = 0,

    /// <summary>It was tried and failed; both sides are as they were, unless the message says otherwise.</summary>
    Failed = 1,

    /// <summary>Wrong usage.</summary>
    Usage = 2,

    /// <summary>A node that is needed cannot be reached.</summary>
    Unreachable = 3,

    /// <summary>Refused in this stage; nothing was done.</summary>
    Refused = 4,

    /// <summary>Ended by the user (the shells' 128 + SIGINT).</summary>
    Interrupted = 130,
}
