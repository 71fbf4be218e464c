using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Compares both sides' disks while the guest runs.</summary>
internal sealed class VerifyVerb : Verb
{
    private readonly Option<bool> _repair = new("--repair") { Description = "Overwrite what differs on the secondary with the primary's content" };

    public VerifyVerb(VerbHost host)
        : base(host, "verify", "Compare both disks at a barrier, with the guest running") => Options.Add(_repair);

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient primary = context.Primary;
        await primary.GetStatusAsync(context.Cancellation);
        bool repair = context.Parsed.GetValue(_repair);
        VerifyResponse verified = await RunAsync(primary, repair, context);
        context.Output.Result(new Document(verified.DifferingBytes, verified.RepairedBytes, verified.ElapsedMs), console => Print(console, verified, repair));
        if (verified.RepairedBytes < verified.DifferingBytes)
        {
            throw new CliException(
                ExitCode.Failed,
                $"the disks differ in {verified.DifferingBytes} bytes; coloctl errors names the places, verify --repair overwrites them on the secondary");
        }

        return ExitCode.Done;
    }

    private static async Task<VerifyResponse> RunAsync(NodeClient primary, bool repair, VerbContext context)
    {
        var request = new VerifyRequest { Versions = NodeClient.Versions, Repair = repair };
        using ProgressDisplay progress = context.Output.Progress();
        return await primary.CallWatchedAsync((s, o) => s.VerifyAsync(request, o), status => progress.ShowOf(status), context.Cancellation);
    }

    private static void Print(IAnsiConsole console, VerifyResponse verified, bool repair)
    {
        string differing = SizeText.Format(verified.DifferingBytes);
        if (verified.DifferingBytes == 0)
            console.MarkupLineInterpolated($"[green]Equal[/]: both disks, compared in {verified.ElapsedMs} ms");
        else if (!repair)
            console.MarkupLineInterpolated($"[yellow]Different[/]: {differing}, compared in {verified.ElapsedMs} ms");
        else
        {
            string repaired = SizeText.Format(verified.RepairedBytes);
            console.MarkupLineInterpolated($"[yellow]Different[/]: {differing}, of which {repaired} were repaired, in {verified.ElapsedMs} ms");
        }

        // A repair is copied like any write: what the block held before is kept for the view.
        if (verified.RepairedBytes > 0)
            console.MarkupLine("The secondary's view is right again with the next checkpoint: take one before you rely on a failover");
    }

    private sealed record Document(long DifferingBytes, long RepairedBytes, long ElapsedMs);
}
