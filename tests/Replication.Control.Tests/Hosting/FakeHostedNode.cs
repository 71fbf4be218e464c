using Replication.Block.State;
using Replication.Control.Hosting;
using Replication.Control.Tests.Services;
using Replication.Nbd;
using Replication.Roles;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

/// <summary>A node with one guest export in memory; notes what its host does with it.</summary>
internal sealed class FakeHostedNode(NodeOptions options, NodeServices services) : IHostedNode
{
    public NodeOptions Options => options;

    public NodeServices Services => services;

    public List<string> Steps { get; } = [];

    public IReplicationNode Verbs { get; } = new FakeNode();

    public NodeRole Role { get; init; } = options.InitialRole;

    public INbdExportCatalog GuestExports { get; init; } = new ExportCatalog([new NbdExport("disk0", new MemoryNode(1 << 20))]);

    public INbdExportCatalog MirrorExports { get; } = new ExportCatalog([]);

    public void Begin() => Steps.Add("begin");

    public ValueTask DisposeAsync()
    {
        Steps.Add("dispose");
        return default;
    }
}
