namespace Replication.Jobs.Commands;

/// <summary>One action of a transaction; QEMU's <c>TransactionAction</c>.</summary>
public abstract record TransactionAction
{
    private TransactionAction()
    {
    }

    /// <summary>Fails the transaction, after what stands before it has been tried.</summary>
    public sealed record Abort : TransactionAction;

    public sealed record Backup(BackupCommand Command) : TransactionAction;

    /// <summary>
    /// The pair's checkpoint: the transaction's moment is its cut on both nodes. On a primary alone, once in a transaction, and last to take effect: it
    /// cannot be undone.
    /// </summary>
    public sealed record Checkpoint : TransactionAction;

    public sealed record BitmapAdd(string Device, string Name, long? GranularityBytes = null, bool IsPersistent = false, bool IsDisabled = false)
        : TransactionAction;

    public sealed record BitmapRemove(string Device, string Name) : TransactionAction;

    public sealed record BitmapClear(string Device, string Name) : TransactionAction;

    public sealed record BitmapEnable(string Device, string Name) : TransactionAction;

    public sealed record BitmapDisable(string Device, string Name) : TransactionAction;

    /// <param name="Device">The target's disk.</param>
    /// <param name="Name">The target.</param>
    /// <param name="Sources">Bitmaps, each with its disk.</param>
    public sealed record BitmapMerge(string Device, string Name, IReadOnlyList<(string Device, string Name)> Sources) : TransactionAction;
}
