using Replication.Jobs.Commands;

namespace Replication.Simulation.Jobs;

/// <summary>What was asked for at once.</summary>
internal sealed class BackupTransaction(IReadOnlyList<TransactionAction> actions, bool isGrouped)
{
    public IReadOnlyList<TransactionAction> Actions => actions;

    public bool IsGrouped => isGrouped;

    /// <summary>In the order of their actions.</summary>
    public List<BackupRecord> Backups { get; } = [];

    /// <summary>What all disks held when the first of its jobs came into being.</summary>
    public byte[][]? Moment { get; set; }

    /// <summary>What they held at the primary's last cut before that: with a checkpoint in it, the same.</summary>
    public byte[][]? Cut { get; set; }

    /// <summary>Requests of the host's own media that had failed when it was asked for.</summary>
    public int FaultsBefore { get; set; }

    /// <summary>How many of the actions the models have followed.</summary>
    public int Followed { get; set; }

    /// <summary>It has changed the list of bitmaps that is on record.</summary>
    public bool IsOnRecord { get; set; }

    /// <summary>The jobs that end together with one of them, itself included.</summary>
    public IEnumerable<BackupRecord> GroupOf(BackupRecord backup) => isGrouped ? Backups : [backup];
}
