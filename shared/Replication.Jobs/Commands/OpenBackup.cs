using Replication.Jobs.Backup;

namespace Replication.Jobs.Commands;

/// <summary>One backup of a transaction, and what it holds for as long as its job lives.</summary>
internal sealed class OpenBackup(BackupCommand command, JobDisk disk)
{
    private readonly List<string> _claimed = [];

    public BackupCommand Command => command;

    public JobDisk Disk => disk;

    public IBackupTarget? Target { get; set; }

    public int ClusterBytes { get; set; }

    public PointInTime? PointInTime { get; set; }

    public void Claim(Claims claims, string identity, string what)
    {
        claims.Take(identity, what);
        _claimed.Add(identity);
    }

    /// <summary>The guest asks no more; the target is closed, and both are free for others.</summary>
    public async ValueTask CloseAsync(Claims claims)
    {
        if (PointInTime is { } pointInTime)
        {
            disk.Node.Remove(pointInTime);
            await pointInTime.SettleAsync();
        }

        if (Target is { } target)
            await target.DisposeAsync();
        foreach (string identity in _claimed)
            claims.Give(identity);
    }
}
