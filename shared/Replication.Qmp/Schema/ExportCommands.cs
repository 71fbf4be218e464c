using static Replication.Qmp.Schema.CommonTypes;
using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

internal static class ExportCommands
{
    /// <summary>The address as it was before unions became flat: its members are one level deeper.</summary>
    private static readonly QmpStruct s_address = new(
        "type", [("inet", [Required("data", new QmpStruct(InetAddress))]), ("unix", [Required("data", new QmpStruct(UnixAddress))])]);

    /// <summary>A bitmap of the node or of the disk below it, or of a disk that is named.</summary>
    private static readonly QmpAlternate s_bitmap = new(
        "a bitmap's name, or an object with node and name", () => Text, () => new QmpStruct(Required("node", Text), Required("name", Text)));

    private static readonly QmpMember[] s_nbd =
    [
        Optional("name", Text),
        Optional("description", Text),
        Optional("bitmaps", new QmpArray(s_bitmap)),
        Optional("allocation-depth", Bool, false),
    ];

    private static readonly QmpEnum s_removeMode = new("safe", "hard");

    public static readonly QmpCommand[] All =
    [
        new("nbd-server-start", Required("addr", s_address), Optional("max-connections", Unsigned32)),
        new("nbd-server-add",
            Required("device", Text), Optional("name", Text), Optional("description", Text), Optional("writable", Bool, false), Optional("bitmap", Text)),
        new("nbd-server-remove", Required("name", Text), Optional("mode", s_removeMode, "safe")),
        new("nbd-server-stop"),
        new("block-export-add", new QmpStruct(
            "type", [("nbd", s_nbd)], Required("id", Text), Required("node-name", Text), Optional("writable", Bool, false))),
        new("block-export-del", Required("id", Text), Optional("mode", s_removeMode, "safe")),
        new("query-block-exports"),
    ];
}
