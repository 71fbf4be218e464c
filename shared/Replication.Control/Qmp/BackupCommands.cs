using Replication.Jobs.Commands;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>Backups, the verbs of bitmaps, and transactions of them.</summary>
internal static class BackupCommands
{
    public static void AddTo(QmpTable table, JobCommands commands)
    {
        Add("drive-backup", DriveBackup);
        Add("blockdev-backup", BlockdevBackup);
        foreach ((string verb, Func<QmpObject, TransactionAction> action) in BitmapArguments.Verbs)
            Add(verb, action);
        table.Handle("transaction", async (arguments, stopping) =>
        {
            TransactionAction[] actions = [.. arguments.GetObjects("actions").Select(ActionOf)];
            bool isGrouped = arguments.GetObject("properties").GetString("completion-mode") == "grouped";
            await commands.TransactAsync(actions, isGrouped, stopping);
            return null;
        });

        void Add(string name, Func<QmpObject, TransactionAction> action) => table.Handle(name, async (arguments, stopping) =>
        {
            await commands.TransactAsync([action(arguments)], isGrouped: false, stopping);
            return null;
        });
    }

    private static TransactionAction.Backup DriveBackup(QmpObject arguments) => new(BackupArguments.Drive(arguments));

    private static TransactionAction.Backup BlockdevBackup(QmpObject arguments) => new(BackupArguments.Blockdev(arguments));

    private static TransactionAction ActionOf(QmpObject action)
    {
        string type = action.GetString("type");
        QmpObject data = action.GetObject("data");
        if (BitmapArguments.Verbs.TryGetValue(type, out Func<QmpObject, TransactionAction>? verb))
            return verb(data);
        return type switch
        {
            "drive-backup" => DriveBackup(data),
            "blockdev-backup" => BlockdevBackup(data),
            "checkpoint" => new TransactionAction.Checkpoint(),
            "abort" => new TransactionAction.Abort(),
            _ => throw new QmpException($"action {type} is not available in this version"),
        };
    }
}
