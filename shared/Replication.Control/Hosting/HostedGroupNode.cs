using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Jobs;

namespace Replication.Control.Hosting;

/// <summary>The real node.</summary>
internal sealed class HostedGroupNode : IHostedNode
{
    private readonly GroupNode _node;

    private HostedGroupNode(GroupNode node) => _node = node;

    public IReplicationNode Verbs => _node;

    public NodeRole Role => _node.Role;

    public NodeJobs? Jobs => _node.Jobs;

    public INbdExportCatalog GuestExports => _node.GuestListenerExports;

    public INbdExportCatalog MirrorExports => _node.MirrorExports;

    public static async Task<IHostedNode> OpenAsync(NodeOptions options, NodeServices services) =>
        new HostedGroupNode(await GroupNode.OpenAsync(options, services));

    public void Begin() => _node.Begin();

    public void RefuseHeldRequests() => _node.RefuseHeldRequests();

    public ValueTask DisposeAsync() => _node.DisposeAsync();
}
