using Grpc.Core;
using Replication.Roles.Jobs;

namespace Replication.Control.Services.Jobs;

/// <summary>A node's jobs as the services take them from the host.</summary>
/// <param name="jobs">Null: the node has none.</param>
internal sealed class JobsDoor(NodeJobs? jobs)
{
    /// <exception cref="RpcException">The node has none.</exception>
    public NodeJobs Jobs => jobs ?? throw new RpcException(new Status(StatusCode.Unimplemented, "this node has no block jobs"));
}
