using Colo.Protocol.V1;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Fleeces;

internal static class FleeceQueries
{
    public static FleeceService.FleeceServiceClient Of(NodeClient node) => new(node.Channel);

    public static async Task<IReadOnlyList<FleeceDocument>> ListAsync(NodeClient node, CancellationToken cancellationToken)
    {
        ListFleecesResponse response = await node.CallAsync(o => Of(node).ListFleecesAsync(new ListFleecesRequest(), o), cancellationToken);
        return [.. response.Fleeces.Select(fleece => FleeceDocument.Of(node, fleece))];
    }
}
