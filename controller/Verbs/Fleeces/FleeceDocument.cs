using System.Globalization;
using Colo.Protocol.V1;
using Replication.Controller.Nodes;
using Replication.Controller.Output;

namespace Replication.Controller.Verbs.Fleeces;

/// <summary>A fleece as the JSON shows it.</summary>
internal sealed record FleeceDocument(
    string Node,
    string Name,
    string Device,
    long LengthBytes,
    string? Bitmap,
    string? Target,
    string OpenedAt,
    ulong Epoch,
    long? LeaseLeftMs,
    long HeldBytes,
    long QuotaBytes,
    long Readers,
    string? Error,
    IReadOnlyList<string> Addresses)
{
    public static FleeceDocument Of(NodeClient node, Fleece fleece) => new(
        node.SideText,
        fleece.Name,
        fleece.Device,
        fleece.LengthBytes,
        NullIfEmpty(fleece.Bitmap),
        NullIfEmpty(fleece.Target),
        DateTimeOffset.FromUnixTimeMilliseconds(fleece.OpenedAtUnixMs).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        fleece.Epoch,
        fleece.HasLeaseLeftMs ? fleece.LeaseLeftMs : null,
        fleece.HeldBytes,
        fleece.QuotaBytes,
        fleece.Readers,
        fleece.Errno == 0 ? null : OneLine.Of(fleece.Error),
        [.. fleece.Addresses]);

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
