using Replication.Jobs.Bitmaps;

namespace Replication.Jobs.Commands;

/// <summary>The actions of a transaction that change bitmaps.</summary>
internal static class BitmapActions
{
    /// <summary>False: the action is another one.</summary>
    /// <exception cref="JobException">It is refused.</exception>
    /// <exception cref="IOException">A bitmap's file cannot be made.</exception>
    public static async ValueTask<bool> ApplyAsync(this BitmapChange change, TransactionAction action)
    {
        switch (action)
        {
            case TransactionAction.BitmapAdd add:
                await change.AddAsync(add.Device, add.Name, add.GranularityBytes, add.IsPersistent, add.IsDisabled);
                return true;
            case TransactionAction.BitmapRemove remove:
                change.Remove(remove.Device, remove.Name);
                return true;
            case TransactionAction.BitmapClear clear:
                await change.ClearAsync(clear.Device, clear.Name);
                return true;
            case TransactionAction.BitmapEnable enable:
                await change.EnableAsync(enable.Device, enable.Name, true);
                return true;
            case TransactionAction.BitmapDisable disable:
                await change.EnableAsync(disable.Device, disable.Name, false);
                return true;
            case TransactionAction.BitmapMerge merge:
                await change.MergeAsync(merge.Device, merge.Name, merge.Sources);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The bitmaps that a backup of this transaction will find: those that are there, and those that an action adds.</summary>
    public static IReadOnlyList<BitmapInfo> Foresee(this BitmapStore bitmaps, string device, IReadOnlyList<TransactionAction> actions)
    {
        IEnumerable<BitmapInfo> added = actions.OfType<TransactionAction.BitmapAdd>().Where(add => add.Device == device)
            .Select(add => new BitmapInfo(add.Name, 0, 0, !add.IsDisabled, false, add.IsPersistent, false));
        return [.. bitmaps.Query(device), .. added];
    }
}
