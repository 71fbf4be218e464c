using Replication.Block;

namespace Replication.Jobs;

/// <summary>What an I/O error of a job's copies does; QEMU's <c>BlockdevOnError</c>.</summary>
public enum ErrorPolicy
{
    /// <summary>The job fails with it.</summary>
    Report,

    /// <summary>The copy is tried again.</summary>
    Ignore,

    /// <summary>As <see cref="Stop"/> where there is no room, as <see cref="Report"/> for every other error.</summary>
    Enospc,

    /// <summary>The job is paused, and the copy tried again when it is resumed.</summary>
    Stop,

    /// <summary>The device's policy, which is <see cref="Enospc"/> for ours.</summary>
    Auto,
}

/// <summary>What was made of one error.</summary>
public enum ErrorAction
{
    Report,
    Ignore,
    Stop,
}

internal static class ErrorPolicyExtensions
{
    public static ErrorAction ActionFor(this ErrorPolicy policy, int errno) => policy switch
    {
        ErrorPolicy.Ignore => ErrorAction.Ignore,
        ErrorPolicy.Stop => ErrorAction.Stop,
        ErrorPolicy.Enospc or ErrorPolicy.Auto when errno == Errno.ENOSPC => ErrorAction.Stop,
        _ => ErrorAction.Report,
    };
}
