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

/// <summary>A command about jobs was refused; nothing has changed.</summary>
public sealed class JobException(JobErrorClass errorClass, string message, Exception? inner = null) : Exception(message, inner)
{
    public JobErrorClass Class { get; } = errorClass;
}
