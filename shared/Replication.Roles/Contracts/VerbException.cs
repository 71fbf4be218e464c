namespace Replication.Roles;

/// <summary>Why a verb did not do what it was asked; decides the exit code and the gRPC status.</summary>
public enum VerbFailure
{
    /// <summary>It was tried, failed and was undone (exit code 1, ABORTED).</summary>
    Failed = 1,

    /// <summary>The request is wrong (exit code 2, INVALID_ARGUMENT).</summary>
    Invalid = 2,

    /// <summary>A node that is needed cannot be reached; the message names its address (exit code 3, UNAVAILABLE).</summary>
    Unreachable = 3,

    /// <summary>Refused in this stage, nothing was done; the message names stage and verb (exit code 4, FAILED_PRECONDITION).</summary>
    Refused = 4,
}

/// <summary>A verb's failure: one clear line that says what, where and what to do.</summary>
public sealed class VerbException(VerbFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public VerbFailure Failure { get; } = failure;

    /// <summary>Trying again does not help before somebody has changed something.</summary>
    public bool NeedsOperator { get; init; }
}
