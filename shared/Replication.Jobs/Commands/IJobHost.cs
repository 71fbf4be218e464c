using Replication.Block;
using Replication.Block.Files;

namespace Replication.Jobs.Commands;

/// <summary>What jobs ask of their node.</summary>
public interface IJobHost
{
    /// <summary>The disks that jobs may read now.</summary>
    IReadOnlyList<JobDisk> Disks { get; }

    /// <summary>The smallest unit of copying, a power of two; QEMU's, but for who has disks that are smaller.</summary>
    int SmallestClusterBytes => Limits.ClusterBytes;

    /// <summary>The pair's epoch on this node now.</summary>
    ulong Epoch { get; }

    /// <summary>Opens the target of a backup, or makes it.</summary>
    /// <exception cref="JobException">It cannot be.</exception>
    ValueTask<IBackupTarget> OpenTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>What <see cref="OpenTargetAsync"/> would find; changes nothing.</summary>
    /// <exception cref="JobException">It would refuse.</exception>
    ValueTask<TargetOutlook> CheckTargetAsync(BackupCommand command, long lengthBytes, CancellationToken cancellationToken) =>
        new(new TargetOutlook(command.Target, lengthBytes, Limits.ClusterBytes));

    /// <summary>Who copies between the two inside the kernel; null: nobody.</summary>
    CopyOffload? OffloadBetween(BlockNode source, BlockNode target) => null;

    /// <summary>Something that was not refused, and that the node's people should see.</summary>
    void Warn(string message)
    {
    }

    /// <exception cref="JobException">This node cannot make the pair's checkpoint now.</exception>
    void CheckCheckpoint() => throw new JobException(JobErrorClass.GenericError, "checkpoint is refused: this node has no pair");

    /// <summary>Makes the pair's checkpoint, with what a transaction does at its moment.</summary>
    /// <exception cref="JobException">
    /// There was no checkpoint, or nobody knows, or the moment's commit has failed: nothing of the moment is in force.
    /// </exception>
    ValueTask CheckpointAsync(CheckpointMoment moment, CancellationToken cancellationToken)
    {
        CheckCheckpoint();
        return default;
    }
}
