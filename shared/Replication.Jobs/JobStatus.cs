namespace Replication.Jobs;

/// <summary>Where a job is in its life; QEMU's states, in lower case on the wire.</summary>
public enum JobStatus
{
    /// <summary>Before it has been entered into the list.</summary>
    Undefined,
    Created,
    Running,

    /// <summary>It stands at a pause point; nothing of it is in flight.</summary>
    Paused,

    /// <summary>Its work is done and goes on being kept done, until <c>complete</c>.</summary>
    Ready,

    /// <summary>Paused while ready.</summary>
    Standby,

    /// <summary>Its work has succeeded; others of its transaction have not ended.</summary>
    Waiting,

    /// <summary>All of the transaction have succeeded; <c>finalize</c> makes what they did visible.</summary>
    Pending,

    /// <summary>It, or another of its transaction, has failed or been cancelled.</summary>
    Aborting,

    /// <summary>Over; kept until <c>dismiss</c>.</summary>
    Concluded,

    /// <summary>Gone from the list.</summary>
    Null,
}
