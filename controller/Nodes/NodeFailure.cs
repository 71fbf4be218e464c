using System.Globalization;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Protos;

namespace Replication.Controller.Nodes;

/// <summary>The one map from a node's gRPC status to an exit code and a line that names the node.</summary>
internal static class NodeFailure
{
    public static CliException Of(NodeClient node, RpcException e)
    {
        // The channel speaks of its own address, which is no user's where a socket stands behind it.
        string target = ControlChannel.TargetOf(node.Address.Text).ToString();
        string message = e.StatusCode switch
        {
            StatusCode.DeadlineExceeded => string.Create(CultureInfo.InvariantCulture, $"{node} did not answer within {node.Timeout.TotalSeconds:0.###} s"),
            StatusCode.Unimplemented => $"{node}: is no node of this version ({e.Status.Detail})",
            _ when e.Status.Detail.Length == 0 => $"{node}: {e.StatusCode}",
            _ when e.Status.Detail.StartsWith(target, StringComparison.Ordinal) => node + e.Status.Detail[target.Length..],
            _ => $"{node}: {(node.Address.IsSocket ? e.Status.Detail.Replace(target, node.Address.Text, StringComparison.Ordinal) : e.Status.Detail)}",
        };
        return new CliException(ExitCodeOf(e.StatusCode), message, e);
    }

    /// <summary>The status that a failure of <see cref="NodeClient"/> came from; null where it did not come from a node.</summary>
    public static StatusCode? StatusOf(CliException e) => (e.InnerException as RpcException)?.StatusCode;

    private static ExitCode ExitCodeOf(StatusCode code) => code switch
    {
        StatusCode.FailedPrecondition => ExitCode.Refused,
        StatusCode.Unavailable or StatusCode.DeadlineExceeded => ExitCode.Unreachable,
        StatusCode.InvalidArgument => ExitCode.Usage,
        _ => ExitCode.Failed,
    };
}
