using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Verbs.Jobs;

namespace Replication.Controller.Verbs.Fleeces;

internal sealed class FleeceListVerb : Verb
{
    private readonly NodeChoice _node;

    public FleeceListVerb(VerbHost host)
        : base(host, "list", "Show the fleeces of both nodes") => _node = new NodeChoice(this);

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        Answer[] answers = await Task.WhenAll(_node.AllOf(context).Select(node => AskAsync(node, context.Cancellation)));
        CliException? unreachable = answers.Select(answer => answer.Unreachable).FirstOrDefault(e => e is not null);
        FleeceTable.Show(context, [.. answers.SelectMany(answer => answer.Fleeces)], isWhole: unreachable is null);
        return unreachable is null ? ExitCode.Done : throw unreachable;
    }

    private static async Task<Answer> AskAsync(NodeClient node, CancellationToken cancellationToken)
    {
        try
        {
            return new Answer(await FleeceQueries.ListAsync(node, cancellationToken), null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's fleeces are shown all the same.
            return new Answer([], e);
        }
    }

    private sealed record Answer(IReadOnlyList<FleeceDocument> Fleeces, CliException? Unreachable);
}
