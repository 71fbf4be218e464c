using Replication.Jobs;
using Replication.Jobs.Commands;
using Replication.Roles.Primary;

namespace Replication.Roles.Jobs;

// A transaction's checkpoint is the primary's.
public sealed partial class NodeJobs
{
    /// <summary>The node's role, where it is the primary's; set once, before anybody asks.</summary>
    internal PrimaryRole? Primary { get; set; }

    void IJobHost.CheckCheckpoint()
    {
        try
        {
            RequirePrimary().CheckCheckpoint();
        }
        catch (VerbException e)
        {
            throw Refused(e);
        }
    }

    async ValueTask IJobHost.CheckpointAsync(CheckpointMoment moment, CancellationToken cancellationToken)
    {
        try
        {
            await RequirePrimary().CheckpointAsync(moment, cancellationToken);
        }
        catch (VerbException e)
        {
            throw Refused(e);
        }
    }

    private PrimaryRole RequirePrimary() =>
        Primary ?? throw new VerbException(VerbFailure.Refused, "checkpoint is refused: it is the primary's, and this node is the secondary");

    private static JobException Refused(VerbException e) => new(JobErrorClass.GenericError, e.Message, e);
}
