using System.CommandLine;
using Colo.Protocol.V1;
using Google.Protobuf;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Begins replication: secondary first, then primary, which brings the secondary up to date and takes the first checkpoint.</summary>
internal sealed class StartVerb : Verb
{
    private readonly Option<string> _sync = new Option<string>("--sync")
    {
        Description = "How the secondary is brought up to date: auto (what differs), full (everything), none (the disks are equal already)",
        HelpName = "auto|full|none",
        DefaultValueFactory = _ => "auto",
    }.OneOf("auto", "full", "none");

    private readonly Option<bool> _abandonView = AbandonView.Create();

    private readonly Option<string> _discard = new Option<string>("--discard-changes-of")
    {
        Description = "Where both sides have changed since they parted: whose changes do not count",
        HelpName = "secondary",
    };

    public StartVerb(VerbHost host)
        : base(host, "start", "Begin replication; returns when replicating")
    {
        Options.Add(_sync);
        Options.Add(_abandonView);
        // First, so that a word of the contract is not called a wrong one.
        _discard.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: "primary" }])
                result.AddError($"{Name} --discard-changes-of primary is not available in this version.");
        });
        Options.Add(_discard.OneOf("secondary"));
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        (NodeClient primary, NodeClient secondary) = (context.Primary, context.Secondary);
        // Both answer before either is changed.
        NodeStatus[] before = await Task.WhenAll(primary.GetStatusAsync(context.Cancellation), secondary.GetStatusAsync(context.Cancellation));
        StartResponse started;
        try
        {
            started = await RunAsync(primary, secondary, context);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Refused && before[1].Stage is (NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done))
        {
            // A promoted secondary refuses before its primary is asked, so this is who can say where the two stand.
            throw new CliException(
                ExitCode.Refused,
                $"{e.Message}; the secondary is at {PositionOf(before[1])}, the primary at {PositionOf(before[0])}; "
                + "docs/FAILURES.md says how the pair comes back",
                e);
        }

        context.Output.Result(
            new Document(started.Generation.Number, WireNames.Id(started.Generation.Id), started.Epoch, started.SyncedBytes, started.ElapsedMs),
            console => console.MarkupLine(
                $"[green]Replicating[/]: generation {started.Generation.Number}, epoch {started.Epoch}, "
                + $"{SizeText.Format(started.SyncedBytes)} synced in {started.ElapsedMs} ms"));
        return ExitCode.Done;
    }

    private async Task<StartResponse> RunAsync(NodeClient primary, NodeClient secondary, VerbContext context)
    {
        StartRequest request = PairStart.RequestOf(SyncOf(context), context.Parsed.GetValue(_abandonView), context.Parsed.GetValue(_discard) == "secondary");
        using ProgressDisplay progress = context.Output.Progress();
        return await PairStart.RunAsync(primary, secondary, request, status => progress.ShowOf(status), context.Cancellation);
    }

    private static string PositionOf(NodeStatus status) =>
        $"generation {status.Generation?.Number ?? 0} ({WireNames.Id(status.Generation?.Id ?? ByteString.Empty)}) epoch {status.Epoch}";

    private SyncMode SyncOf(VerbContext context) => context.Parsed.GetValue(_sync) switch
    {
        "full" => SyncMode.Full,
        "none" => SyncMode.None,
        _ => SyncMode.Auto,
    };

    private sealed record Document(ulong Generation, string GenerationId, ulong Epoch, long SyncedBytes, long ElapsedMs);
}
