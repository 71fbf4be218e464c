namespace Replication.Jobs;

/// <summary>The classes of error that QMP tells apart; everything else is <see cref="GenericError"/>.</summary>
public enum JobErrorClass
{
    GenericError,

    /// <summary>No disk or node of that name.</summary>
    DeviceNotFound,

    /// <summary>No job of that name.</summary>
    DeviceNotActive,
}

/// <summary>Whose business a refusal is; QMP does not tell, other doors do.</summary>
public enum JobErrorKind
{
    /// <summary>As things are now, it is refused: something is busy, or in another state.</summary>
    Refused,

    /// <summary>What was asked for can never be.</summary>
    Invalid,

    /// <summary>What was named is not there.</summary>
    NotFound,

    /// <summary>It was tried, and something outside has failed: a target, a file.</summary>
    Failed,
}

/// <summary>A command about jobs was refused; nothing has changed.</summary>
public sealed class JobException(JobErrorClass errorClass, string message, Exception? inner = null) : Exception(message, inner)
{
    public JobErrorClass Class { get; } = errorClass;

    public JobErrorKind Kind { get; init; } = errorClass == JobErrorClass.GenericError ? JobErrorKind.Refused : JobErrorKind.NotFound;
}
