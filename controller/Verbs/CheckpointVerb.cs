using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>The pair's checkpoint, without VM state.</summary>
internal sealed class CheckpointVerb(VerbHost host) : Verb(host, "checkpoint", "Take a crash-consistent checkpoint over all disks; epoch + 1 on both nodes")
{
    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        CheckpointResult taken = await PairCheckpoint.TakeAsync(context.Primary, context.Secondary, context.Cancellation);
        var phases = new Phases(JsonText.Ms(taken.HoldMs), JsonText.Ms(taken.DrainMs), JsonText.Ms(taken.CommitMs));
        context.Output.Result(
            new Document(taken.Epoch, JsonText.Ms(taken.ElapsedMs), phases, taken.DrainedBytes),
            console => console.MarkupLine(
                $"[green]Checkpoint[/]: epoch {taken.Epoch} in {taken.ElapsedMs:0.0} ms (hold {taken.HoldMs:0.0} ms, drain {taken.DrainMs:0.0} ms, commit "
                + $"{taken.CommitMs:0.0} ms; {SizeText.Format(taken.DrainedBytes)} drained)"));
        return ExitCode.Done;
    }

    private sealed record Phases(double HoldMs, double DrainMs, double CommitMs);

    private sealed record Document(ulong Epoch, double ElapsedMs, Phases Phases, long DrainedBytes);
}
