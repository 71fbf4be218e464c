using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Verbs.Jobs;

namespace Replication.Controller.Verbs.Fleeces;

internal sealed class FleeceRenewVerb : Verb
{
    private readonly Argument<string> _name = new("FLEECE") { Description = "Name of the fleece" };
    private readonly Option<string> _lease = EndlessDuration.Option("--lease", "How long from now on [default: as when it was opened]");
    private readonly NodeChoice _node;

    public FleeceRenewVerb(VerbHost host)
        : base(host, "renew", "Let the lease of a fleece begin anew")
    {
        Arguments.Add(_name);
        Options.Add(_lease);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        var request = new RenewFleeceRequest { Name = context.Parsed.GetRequiredValue(_name) };
        if (context.Parsed.GetValue(_lease) is { } lease)
            request.LeaseMs = EndlessDuration.Milliseconds(lease);
        RenewFleeceResponse renewed = await node.CallAsync(o => FleeceQueries.Of(node).RenewFleeceAsync(request, o), context.Cancellation);
        FleeceTable.Show(context, [FleeceDocument.Of(node, renewed.Fleece)]);
        return ExitCode.Done;
    }
}
