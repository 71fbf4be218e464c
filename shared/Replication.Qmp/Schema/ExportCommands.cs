using static Replication.Qmp.Schema.CommonTypes;
using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

internal static class ExportCommands
{
    /// <summary>The address as it was before unions became flat: its members are one level deeper.</summary>
    private static readonly QmpStruct s_address = new(
        "type", [("inet", [Required("data", new QmpStruct(InetAddress))]), ("unix", [Required("data", new QmpStruct(UnixAddress))])]);

    public static readonly QmpCommand[] All =
    [
        new("nbd-server-start", Required("addr", s_address), Optional("max-connections", Unsigned32)),
        new("nbd-server-add",
            Required("device", Text), Optional("name", Text), Optional("description", Text), Optional("writable", Bool, false), Optional("bitmap", Text)),
        new("nbd-server-remove", Required("name", Text), Optional("mode", new QmpEnum("safe", "hard"), "safe")),
        new("nbd-server-stop"),
    ];
}
