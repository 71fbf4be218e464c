using Colo.Protocol.V1;

namespace Replication.Controller.Nodes;

/// <summary>The two calls that begin a replication, in QEMU's order: the secondary must be open when the primary attaches.</summary>
internal static class PairStart
{
    /// <summary>What the primary is asked.</summary>
    public static StartRequest RequestOf(SyncMode sync, bool abandonView = false, bool discardSecondary = false) => new()
    {
        Versions = NodeClient.Versions,
        Mode = NodeRole.Primary,
        Sync = sync,
        AbandonView = abandonView,
        DiscardChangesOf = discardSecondary ? NodeRole.Secondary : NodeRole.Unspecified,
    };

    public static async Task<StartResponse> RunAsync(
        NodeClient primary, NodeClient secondary, StartRequest beginning, Action<NodeStatus>? onStatus, CancellationToken cancellationToken)
    {
        var opening = new StartRequest { Versions = NodeClient.Versions, Mode = NodeRole.Secondary };
        await secondary.CallWatchedAsync((s, o) => s.StartAsync(opening, o), null, cancellationToken);
        return await primary.CallWatchedAsync((s, o) => s.StartAsync(beginning, o), onStatus, cancellationToken);
    }
}
