namespace Replication.Jobs.Commands;

/// <summary>A disk that jobs may read.</summary>
/// <param name="name">Its name, which is its device's and its node's too.</param>
/// <param name="lengthBytes">Its length.</param>
/// <param name="identity">What it is underneath: its path without links. Two that share one are not used by two jobs at once.</param>
public abstract class JobDisk(string name, long lengthBytes, string identity)
{
    public string Name => name;

    public long LengthBytes => lengthBytes;

    public string Identity => identity;

    /// <summary>Why there is nothing to read now, for people; null: there is.</summary>
    public virtual string? WhyNot => null;

    /// <summary>The disk as it is at this moment. Everything is held still, and it is to be <see cref="DiskMoment.EndAsync">ended</see>.</summary>
    /// <exception cref="JobException">There is nothing to read.</exception>
    public abstract DiskMoment Begin();
}
