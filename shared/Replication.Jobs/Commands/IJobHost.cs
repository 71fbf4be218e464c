using Replication.Block.Snapshots;

namespace Replication.Jobs.Commands;

/// <summary>A disk that jobs may read.</summary>
/// <param name="Name">Its name, which is its device's and its node's too.</param>
/// <param name="Node">Asks before each change of it.</param>
/// <param name="Source">The disk below that.</param>
/// <param name="Identity">What it is underneath: its path without links.</param>
public sealed record JobDisk(string Name, BeforeWriteNode Node, Block.BlockNode Source, string Identity);

/// <summary>What jobs ask of their node.</summary>
public interface IJobHost
{
    /// <summary>The disks that jobs may read now.</summary>
    IReadOnlyList<JobDisk> Disks { get; }

    /// <summary>The smallest unit of copying, a power of two; QEMU's, but for who has disks that are smaller.</summary>
    int SmallestClusterBytes => 64 << 10;

    /// <summary>Opens the target of a backup, or makes it.</summary>
    /// <exception cref="JobException">It cannot be.</exception>
    ValueTask<IBackupTarget> OpenTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken);
}
