using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Ends the replication with a last checkpoint; both disks are equal then.</summary>
internal sealed class StopVerb(VerbHost host) : Verb(host, "stop", "A last checkpoint, then detach; both disks equal afterwards")
{
    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        // A hung secondary is found here, in --timeout: the primary would wait for its flush. It may be
        // left unnamed, and a primary that will refuse needs none.
        NodeStatus status = await context.Primary.GetStatusAsync(context.Cancellation);
        if (status.Stage == NodeStage.Replicating)
            await Task.WhenAll(context.Nodes.Where(n => n.Side == NodeSide.Secondary).Select(n => n.GetStatusAsync(context.Cancellation)));
        StopResponse stopped = await context.Primary.CallWatchedAsync((s, o) => s.StopAsync(new StopRequest(), o), null, context.Cancellation);
        context.Output.Result(new Document(stopped.Epoch), console => console.MarkupLineInterpolated($"[green]Stopped[/] at epoch {stopped.Epoch}"));
        return ExitCode.Done;
    }

    private sealed record Document(ulong Epoch);
}
