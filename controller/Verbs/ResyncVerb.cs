using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>
/// Brings a detached pair back: the primary attaches to its secondary and copies what that lacks. The primary does it all, so it is the one that is needed.
/// </summary>
internal sealed class ResyncVerb : Verb
{
    private readonly Option<bool> _abandonView = AbandonView.Create();

    public ResyncVerb(VerbHost host)
        : base(host, "resync", "Bring a detached pair back; returns when the secondary lacks nothing")
    {
        Options.Add(_abandonView);
        UnavailableOptions.AddTo(this, "--discard-changes-of");
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient primary = context.Primary;
        // The version is checked before anything moves.
        await primary.GetStatusAsync(context.Cancellation);
        ResyncResponse resynced = await RunAsync(primary, context.Parsed.GetValue(_abandonView), context);
        context.Output.Result(
            new Document(resynced.SyncedBytes, resynced.ElapsedMs),
            console => console.MarkupLineInterpolated($"[green]Replicating[/]: {SizeText.Format(resynced.SyncedBytes)} synced in {resynced.ElapsedMs} ms"));
        return ExitCode.Done;
    }

    private static async Task<ResyncResponse> RunAsync(NodeClient primary, bool abandonView, VerbContext context)
    {
        var request = new ResyncRequest { Versions = NodeClient.Versions, AbandonView = abandonView };
        using ProgressDisplay progress = context.Output.Progress();
        return await primary.CallWatchedAsync((s, o) => s.ResyncAsync(request, o), status => progress.ShowOf(status), context.Cancellation);
    }

    private sealed record Document(long SyncedBytes, long ElapsedMs);
}
