using System.CommandLine;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Which node's jobs a verb is about. Both nodes have their own.</summary>
internal sealed class NodeChoice
{
    private readonly Option<string> _node = new Option<string>("--node")
    {
        Description = "Whose jobs and bitmaps [default: the primary's, or those of the one node that is named]",
        HelpName = "primary|secondary",
    }.OneOf("primary", "secondary");

    public NodeChoice(Command verb) => verb.Options.Add(_node);

    /// <summary>The node that a verb changes something on.</summary>
    public NodeClient OneOf(VerbContext context) => Named(context) ?? context.Nodes[0];

    /// <summary>The nodes that a verb shows: all that were named, but for <c>--node</c>.</summary>
    public IReadOnlyList<NodeClient> AllOf(VerbContext context) => Named(context) is { } node ? [node] : context.Nodes;

    private NodeClient? Named(VerbContext context) => context.Parsed.GetValue(_node) switch
    {
        "primary" => context.Primary,
        "secondary" => context.Secondary,
        _ => null,
    };
}
