using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Nodes;

/// <summary>Waits for a promoted secondary's commit, by its status: the node works on by itself, and can be killed and restarted meanwhile.</summary>
internal static class Promotion
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns the status of the node in stage <c>done</c>; a failed commit is a failed verb.</summary>
    public static async Task<NodeStatus> WaitCommittedAsync(NodeClient node, Action<NodeStatus> onStatus, CancellationToken cancellationToken)
    {
        while (true)
        {
            NodeStatus status = await node.GetStatusAsync(cancellationToken);
            switch (status.Stage)
            {
                case NodeStage.Failover:
                    onStatus(status);
                    await Task.Delay(s_interval, node.Time, cancellationToken);
                    break;
                case NodeStage.FailoverFailed:
                    throw new CliException(
                        ExitCode.Failed,
                        $"{node}: the commit failed: {(status.Error.Length > 0 ? status.Error : "no reason was recorded")}; the node serves "
                        + "its guest, and failover can be tried again");
                case NodeStage.Done:
                    return status;
                default:
                    throw new CliException(ExitCode.Failed, $"{node}: the commit did not end: the node is {WireNames.Of(status.Stage)} now");
            }
        }
    }
}
