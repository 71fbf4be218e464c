using Replication.Block.State;
using Replication.Control.Hosting;
using Replication.Control.Tests.Services;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Jobs;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

/// <summary>A node with one guest export in memory; notes what its host does with it.</summary>
internal sealed class FakeHostedNode(NodeOptions options, NodeServices services) : IHostedNode, INbdExportCatalog
{
    private readonly List<string> _steps = []; // guarded by itself

    public NodeOptions Options => options;

    public NodeServices Services => services;

    public string[] Steps
    {
        get
        {
            lock (_steps)
                return [.. _steps];
        }
    }

    public IReplicationNode Verbs { get; } = new FakeNode();

    public NodeRole Role { get; init; } = options.InitialRole;

    public NodeJobs? Jobs => null;

    public NbdExport Disk { get; init; } = new("disk0", new MemoryNode(1 << 20));

    public INbdExportCatalog GuestExports => this;

    public INbdExportCatalog MirrorExports { get; } = new ExportCatalog([]);

    public void Begin() => Note("begin");

    public void RefuseHeldRequests()
    {
    }

    public NbdExport? Find(string name)
    {
        Note("guest");
        return name == Disk.Name ? Disk : null;
    }

    public IReadOnlyList<NbdExport> List() => [Disk];

    public ValueTask DisposeAsync()
    {
        Note("dispose");
        return default;
    }

    private void Note(string step)
    {
        lock (_steps)
            _steps.Add(step);
    }
}
