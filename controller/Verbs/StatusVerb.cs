using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Shows both nodes; one that cannot be reached is part of the answer, not a failure.</summary>
internal sealed class StatusVerb(VerbHost host) : Verb(host, "status", "Show both nodes")
{
    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeReport[] reports = await Task.WhenAll(context.Nodes.Select(n => AskAsync(n, context.Cancellation)));
        NodeReport? Of(NodeSide side) => reports.FirstOrDefault(r => r.Node.Side == side);
        context.Output.Result(
            new Dictionary<string, object?>
            {
                ["primary"] = Of(NodeSide.Primary)?.ToDocument(),
                ["secondary"] = Of(NodeSide.Secondary)?.ToDocument(),
            },
            console => StatusTable.Print(console, reports));
        return ExitCode.Done;
    }

    private static async Task<NodeReport> AskAsync(NodeClient node, CancellationToken cancellationToken)
    {
        try
        {
            return new NodeReport(node, await node.GetStatusAsync(cancellationToken), null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            return new NodeReport(node, null, e.Message);
        }
    }
}
