namespace Replication.Qmp.Schema;

/// <summary>The commands whose arguments this project knows. Which of them a node has is <see cref="QmpCommands"/>' to say.</summary>
internal static class QmpSchema
{
    /// <summary>The door's own; nobody else answers them.</summary>
    public static readonly QmpCommand[] Own =
    [
        new("qmp_capabilities", QmpMember.Optional("enable", new QmpArray(CommonTypes.Text))),
        new("query-version"),
        new("query-commands"),
        new("quit"),
    ];

    public static readonly Dictionary<string, QmpCommand> Commands =
        ((QmpCommand[])[.. Own, .. JobCommands.All, .. BitmapCommands.All, TransactionCommand.Transaction, .. NodeCommands.All, .. ExportCommands.All])
        .ToDictionary(command => command.Name);
}
