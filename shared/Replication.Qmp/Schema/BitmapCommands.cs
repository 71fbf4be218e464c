using static Replication.Qmp.Schema.CommonTypes;
using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

internal static class BitmapCommands
{
    private static readonly QmpMember[] s_bitmap = [Required("node", Text), Required("name", Text)];

    public static readonly QmpCommand Add = new(
        "block-dirty-bitmap-add", [.. s_bitmap, Optional("granularity", Unsigned32), Optional("persistent", Bool, false), Optional("disabled", Bool, false)]);

    public static readonly QmpCommand Remove = new("block-dirty-bitmap-remove", s_bitmap);
    public static readonly QmpCommand Clear = new("block-dirty-bitmap-clear", s_bitmap);
    public static readonly QmpCommand Enable = new("block-dirty-bitmap-enable", s_bitmap);
    public static readonly QmpCommand Disable = new("block-dirty-bitmap-disable", s_bitmap);

    public static readonly QmpCommand Merge = new(
        "block-dirty-bitmap-merge",
        Required("node", Text),
        Required("target", Text),
        Required("bitmaps", new QmpArray(new QmpAlternate("a bitmap's name, or an object with node and name", () => Text, () => s_source!))));

    /// <summary>A bitmap of any node.</summary>
    private static readonly QmpStruct s_source = new(s_bitmap);

    public static readonly QmpCommand[] All = [Add, Remove, Clear, Enable, Disable, Merge];
}
