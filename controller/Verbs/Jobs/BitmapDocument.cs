using Colo.Protocol.V1;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>A dirty bitmap as the JSON shows it.</summary>
internal sealed record BitmapDocument(
    string Node, string Device, string Name, long CountBytes, long GranularityBytes, bool Recording, bool Busy, bool Persistent, bool Inconsistent)
{
    public static BitmapDocument Of(NodeClient node, BitmapInfo bitmap) => new(
        node.SideText, bitmap.Device, bitmap.Name, bitmap.CountBytes, bitmap.GranularityBytes, bitmap.Recording, bitmap.Busy, bitmap.Persistent,
        bitmap.Inconsistent);
}
