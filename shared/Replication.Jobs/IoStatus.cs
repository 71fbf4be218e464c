namespace Replication.Jobs;

/// <summary>Whether a job was paused by an error; <c>resume</c> makes it <see cref="Ok"/> again.</summary>
public enum IoStatus
{
    Ok,
    Failed,
    NoSpace,
}
