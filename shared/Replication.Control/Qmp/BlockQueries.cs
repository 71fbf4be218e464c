using System.Text.Json.Nodes;
using Replication.Jobs.Bitmaps;
using Replication.Jobs.Commands;
using Replication.Jobs.Graph;
using Replication.Roles.Jobs;

namespace Replication.Control.Qmp;

/// <summary>The node's disks as QEMU describes devices and their nodes.</summary>
internal static class BlockQueries
{
    public static void AddTo(QmpTable table, NodeJobs jobs, BlockGraph? graph)
    {
        table.Ask("query-block", _ => new JsonArray([.. jobs.Disks.Select(disk => Device(disk, jobs.QueryBitmaps(disk.Name)))]));
        table.Ask("query-named-block-nodes", _ => new JsonArray(
            [.. jobs.Disks.Select(disk => Node(disk, jobs.QueryBitmaps(disk.Name))), .. (graph?.Query() ?? []).Select(Node)]));
    }

    private static JsonObject Device(JobDisk disk, IReadOnlyList<BitmapInfo> bitmaps) => new JsonObject
    {
        ["device"] = disk.Name,
        ["locked"] = false,
        ["removable"] = false,
        ["inserted"] = Node(disk, bitmaps),
        ["type"] = "unknown",
    };

    private static JsonObject Node(JobDisk disk, IReadOnlyList<BitmapInfo> bitmaps)
    {
        JsonObject node = NodeDescription.Of(disk.Name, "raw", disk.Identity, disk.LengthBytes, isReadOnly: false);
        if (bitmaps.Count > 0)
            node["dirty-bitmaps"] = new JsonArray([.. bitmaps.Select(Bitmap)]);
        return node;
    }

    private static JsonObject Node(GraphNodeInfo node) => NodeDescription.Of(node.Name, node.Driver, node.Target, node.LengthBytes, node.IsReadOnly);

    private static JsonObject Bitmap(BitmapInfo bitmap)
    {
        var described = new JsonObject
        {
            ["name"] = bitmap.Name,
            ["recording"] = bitmap.IsRecording,
            ["persistent"] = bitmap.IsPersistent,
            ["busy"] = bitmap.IsBusy,
            ["granularity"] = bitmap.GranularityBytes,
            ["count"] = bitmap.CountBytes,
        };
        if (bitmap.IsInconsistent)
            described["inconsistent"] = true;
        return described;
    }
}
