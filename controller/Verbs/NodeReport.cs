using Colo.Protocol.V1;
using Replication.Controller.Nodes;
using Replication.Controller.Output;

namespace Replication.Controller.Verbs;

/// <summary>What <c>status</c> learned of one node: its status, or why there is none.</summary>
internal sealed record NodeReport(NodeClient Node, NodeStatus? Status, string? Unreachable)
{
    public object ToDocument() => Status is { } status
        ? new Reached(
            true,
            WireNames.Of(status.Role),
            WireNames.Of(status.Stage),
            status.Generation?.Number ?? 0,
            WireNames.Id(status.Generation?.Id ?? Google.Protobuf.ByteString.Empty),
            status.Epoch,
            new Mirror(
                WireNames.Of(status.Mirror?.State is null or MirrorState.Unspecified ? MirrorState.None : status.Mirror.State),
                status.Mirror?.Transport is { Length: > 0 } transport ? transport : null),
            [.. status.Disks.Select(d => new Disk(d.Name, d.LengthBytes, d.DirtyBytes, d.ActiveBytes, d.HiddenBytes))],
            status.Error.Length > 0 ? status.Error : null,
            status.Incomplete,
            status.Progress is { } p ? new Progress(p.Activity, p.DoneBytes, p.TotalBytes) : null,
            status.Group,
            Node.Address.ToString())
        : new NotReached(false, OneLine.Of(Unreachable ?? ""), Node.Address.ToString());

    private sealed record Mirror(string State, string? Transport);

    private sealed record Disk(string Name, long LengthBytes, long DirtyBytes, long ActiveBytes, long HiddenBytes);

    private sealed record Progress(string Activity, long DoneBytes, long TotalBytes);

    private sealed record Reached(
        bool Reachable,
        string Role,
        string Stage,
        ulong Generation,
        string GenerationId,
        ulong Epoch,
        Mirror Mirror,
        IReadOnlyList<Disk> Disks,
        string? Error,
        bool Incomplete,
        Progress? Progress,
        string Group,
        string Address);

    private sealed record NotReached(bool Reachable, string Error, string Address);
}
