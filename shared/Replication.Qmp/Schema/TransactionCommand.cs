using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

// QEMU's actions without its snapshots, and one of our own: a checkpoint of the pair.
internal static class TransactionCommand
{
    private static readonly QmpCommand[] s_commands =
    [
        JobCommands.BlockdevBackup,
        JobCommands.DriveBackup,
        .. BitmapCommands.All,
        new("abort"),
        new("checkpoint"),
    ];

    private static readonly QmpStruct s_action = new("type", s_commands.Select(command => (command.Name, new[] { Required("data", command.Arguments) })));

    public static readonly QmpCommand Transaction = new(
        "transaction",
        Required("actions", new QmpArray(s_action)),
        OptionalStruct("properties", new QmpStruct(Optional("completion-mode", new QmpEnum("individual", "grouped"), "individual"))));
}
