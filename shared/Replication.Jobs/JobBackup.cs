using Replication.Jobs.Backup;

namespace Replication.Jobs;

/// <summary>What a backup job was asked for, and its moment; recorded with the job.</summary>
/// <param name="Disk">Name of the disk that is copied.</param>
/// <param name="Target">As it was asked for.</param>
/// <param name="Sync">What is copied; <c>incremental</c> stays what it was asked as.</param>
/// <param name="Bitmap">The bitmap's name; null: none.</param>
/// <param name="Epoch">The pair's epoch at the moment of the backup; with a checkpoint in the same transaction the one that begins there.</param>
/// <param name="FilterNodeName">Name of the node that asks before the guest's writes.</param>
/// <param name="Warning">What whoever asked should know although it was not refused; null: nothing.</param>
public sealed record JobBackup(string Disk, string Target, BackupSync Sync, string? Bitmap, ulong Epoch, string FilterNodeName, string? Warning = null);
