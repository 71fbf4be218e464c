using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Ends the replication with a last checkpoint; both disks are equal then.</summary>
internal sealed class StopVerb(VerbHost host) : Verb(host, "stop", "A last checkpoint, then detach; both disks equal afterwards")
{
    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        StopResponse stopped = await context.Primary.CallWatchedAsync((s, o) => s.StopAsync(new StopRequest(), o), null, context.Cancellation);
        context.Output.Result(new Document(stopped.Epoch), console => console.MarkupLineInterpolated($"[green]Stopped[/] at epoch {stopped.Epoch}"));
        return ExitCode.Done;
    }

    private sealed record Document(ulong Epoch);
}
