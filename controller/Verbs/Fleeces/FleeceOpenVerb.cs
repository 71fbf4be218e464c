using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Verbs.Jobs;

namespace Replication.Controller.Verbs.Fleeces;

internal sealed class FleeceOpenVerb : Verb
{
    private readonly FleeceOptions _options;
    private readonly NodeChoice _node;

    public FleeceOpenVerb(VerbHost host)
        : base(host, "open", "Open disks as they are now, as read-only NBD exports")
    {
        _options = new FleeceOptions(this);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        var request = new OpenFleecesRequest { Fleeces = { _options.Read(context.Parsed) } };
        // Making a target may take long.
        OpenFleecesResponse opened = await node.CallWatchedAsync(o => FleeceQueries.Of(node).OpenFleecesAsync(request, o), null, context.Cancellation);
        FleeceTable.Show(context, [.. opened.Fleeces.Select(fleece => FleeceDocument.Of(node, fleece))]);
        return ExitCode.Done;
    }
}
