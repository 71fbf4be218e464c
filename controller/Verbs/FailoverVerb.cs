using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Makes one node the writable truth. Needs that node only: the other may be dead, hung or cut off.</summary>
internal sealed class FailoverVerb : Verb
{
    private readonly Option<string> _node = new Option<string>("--node")
    {
        Description = "Which node goes on: the secondary (default), or the primary alone",
        HelpName = "secondary|primary",
        DefaultValueFactory = _ => "secondary",
    }.OneOf("secondary", "primary");

    private readonly Option<bool> _noWait = new("--no-wait") { Description = "Return when the node serves; the commit goes on in the background" };
    private readonly Option<bool> _force = new("--force") { Description = "Also when the primary has acknowledged writes that the secondary lacks" };

    public FailoverVerb(VerbHost host)
        : base(host, "failover", "Make the secondary the writable truth (or let the primary go on alone)")
    {
        Options.Add(_node);
        Options.Add(_noWait);
        Options.Add(_force);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        bool ofPrimary = context.Parsed.GetValue(_node) == "primary";
        NodeClient node = ofPrimary ? context.Primary : context.Secondary;
        var request = new FailoverRequest
        {
            Force = context.Parsed.GetValue(_force),
            HoldTimeoutMs = (long)Math.Ceiling(node.Timeout.TotalMilliseconds),
            Mode = ofPrimary ? NodeRole.Primary : NodeRole.Secondary,
        };
        FailoverResponse promoted = await node.CallWatchedAsync((s, o) => s.FailoverAsync(request, o), null, context.Cancellation);
        NodeStatus? committed = ofPrimary || context.Parsed.GetValue(_noWait) ? null : await WaitAsync(node, context);
        context.Output.Result(DocumentOf(promoted, committed), console => Print(console, promoted, committed, ofPrimary));
        return ExitCode.Done;
    }

    private static async Task<NodeStatus> WaitAsync(NodeClient node, VerbContext context)
    {
        using ProgressDisplay progress = context.Output.Progress();
        return await Promotion.WaitCommittedAsync(node, status => progress.ShowOf(status), context.Cancellation);
    }

    private static Document DocumentOf(FailoverResponse promoted, NodeStatus? committed) => new(
        promoted.Generation.Number,
        WireNames.Id(promoted.Generation.Id),
        JsonText.Ms(promoted.ServingMs),
        committed?.CommitElapsedMs,
        committed?.CommittedBytes,
        promoted.PrimaryFenced,
        promoted.Lost.Length > 0 ? promoted.Lost : null);

    private static void Print(IAnsiConsole console, FailoverResponse promoted, NodeStatus? committed, bool ofPrimary)
    {
        console.MarkupLineInterpolated(
            $"[green]{(ofPrimary ? "Standalone" : "Promoted")}[/]: generation {promoted.Generation.Number}, serving after {promoted.ServingMs:0.0} ms");
        if (committed is not null)
            console.MarkupLineInterpolated($"Committed {SizeText.Format(committed.CommittedBytes)} in {committed.CommitElapsedMs} ms");
        if (!ofPrimary)
        {
            console.MarkupLineInterpolated(
                $"{(promoted.PrimaryFenced ? "The old primary confirmed that it has stopped" : "The old primary did not confirm that it has stopped")}");
        }

        if (promoted.Lost.Length > 0)
            console.MarkupLineInterpolated($"[yellow]Lost[/]: {promoted.Lost}");
    }

    private sealed record Document(
        ulong Generation, string GenerationId, double ServingMs, long? CommittedMs, long? CommittedBytes, bool PrimaryFenced, string? Lost);
}
