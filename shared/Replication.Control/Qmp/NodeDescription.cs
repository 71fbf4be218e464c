using System.Text.Json.Nodes;

namespace Replication.Control.Qmp;

/// <summary>A node as QEMU's <c>BlockDeviceInfo</c>. What there is no such thing of here (throttling, encryption) is off.</summary>
internal static class NodeDescription
{
    /// <param name="name">The node's.</param>
    /// <param name="driver">What it is.</param>
    /// <param name="file">What it leads to: a path or an address.</param>
    /// <param name="lengthBytes">As its users see it.</param>
    /// <param name="isReadOnly">It takes no writes.</param>
    public static JsonObject Of(string name, string driver, string file, long lengthBytes, bool isReadOnly) => new()
    {
        ["iops_rd"] = 0,
        ["detect_zeroes"] = "off",
        ["image"] = new JsonObject { ["virtual-size"] = lengthBytes, ["filename"] = file, ["format"] = driver },
        ["iops_wr"] = 0,
        ["ro"] = isReadOnly,
        ["node-name"] = name,
        ["backing_file_depth"] = 0,
        ["drv"] = driver,
        ["iops"] = 0,
        ["bps_wr"] = 0,
        ["write_threshold"] = 0,
        ["encrypted"] = false,
        ["bps"] = 0,
        ["bps_rd"] = 0,
        ["cache"] = new JsonObject { ["no-flush"] = false, ["direct"] = false, ["writeback"] = true },
        ["file"] = file,
    };
}
