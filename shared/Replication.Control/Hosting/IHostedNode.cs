using Replication.Block.State;
using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Jobs;

namespace Replication.Control.Hosting;

/// <summary>A node as its host handles it; tests put their own in its place.</summary>
internal interface IHostedNode : IAsyncDisposable
{
    IReplicationNode Verbs { get; }

    NodeRole Role { get; }

    /// <summary>Its block jobs and dirty bitmaps; null: it has none, as a test's.</summary>
    NodeJobs? Jobs { get; }

    INbdExportCatalog GuestExports { get; }

    INbdExportCatalog MirrorExports { get; }

    /// <summary>Goes on with what the last run left, and holds what must not be answered yet. Called once, before anybody is served.</summary>
    void Begin();

    /// <summary>
    /// The node is about to end: requests that wait for what may never come fail now, and jobs are cancelled, so that draining the guests need not wait for
    /// them.
    /// </summary>
    void RefuseHeldRequests();
}
