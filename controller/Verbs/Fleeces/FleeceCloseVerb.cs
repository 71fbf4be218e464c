using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Verbs.Jobs;
using Spectre.Console;

namespace Replication.Controller.Verbs.Fleeces;

internal sealed class FleeceCloseVerb : Verb
{
    private readonly Argument<string> _name = new("FLEECE") { Description = "Name of the fleece" };

    private readonly Option<bool> _done = new("--done")
    {
        Description = "Everything has been read: the bitmap begins anew at the fleece's moment. Without it the bitmap keeps its marks",
    };

    private readonly NodeChoice _node;

    public FleeceCloseVerb(VerbHost host)
        : base(host, "close", "Close a fleece; returns when nothing of it is left")
    {
        Arguments.Add(_name);
        Options.Add(_done);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        var request = new CloseFleeceRequest { Name = context.Parsed.GetRequiredValue(_name), Done = context.Parsed.GetValue(_done) };
        // Readers' last requests are answered first.
        await node.CallWatchedAsync(o => FleeceQueries.Of(node).CloseFleeceAsync(request, o), null, context.Cancellation);
        context.Output.Result(
            new Document(node.SideText, request.Name, request.Done), console => console.MarkupLineInterpolated($"[green]Closed[/] {request.Name}"));
        return ExitCode.Done;
    }

    private sealed record Document(string Node, string Name, bool Done);
}
