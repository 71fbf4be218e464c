using Colo.Protocol.V1;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

internal static class BitmapQueries
{
    /// <param name="node">Whose.</param>
    /// <param name="disk">Empty: all disks.</param>
    /// <param name="cancellationToken">The user's.</param>
    public static async Task<IReadOnlyList<BitmapDocument>> ListAsync(NodeClient node, string disk, CancellationToken cancellationToken)
    {
        var request = new ListBitmapsRequest { Device = disk };
        ListBitmapsResponse response = await node.CallAsync(o => node.Bitmaps.ListBitmapsAsync(request, o), cancellationToken);
        return [.. response.Bitmaps.Select(bitmap => BitmapDocument.Of(node, bitmap))];
    }
}
