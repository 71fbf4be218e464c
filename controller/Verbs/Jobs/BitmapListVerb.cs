using System.CommandLine;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

internal sealed class BitmapListVerb : Verb
{
    private readonly Argument<string> _disk = new("DISK") { Description = "Of this disk alone", Arity = ArgumentArity.ZeroOrOne };
    private readonly NodeChoice _node;

    public BitmapListVerb(VerbHost host)
        : base(host, "list", "Show the bitmaps of both nodes")
    {
        Arguments.Add(_disk);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        string disk = context.Parsed.GetValue(_disk) ?? "";
        var answers = await Task.WhenAll(_node.AllOf(context).Select(node => AskAsync(node, disk, context.Cancellation)));
        BitmapDocument[] bitmaps = [.. answers.SelectMany(answer => answer.Bitmaps)];
        CliException? unreachable = answers.Select(answer => answer.Unreachable).FirstOrDefault(e => e is not null);
        context.Output.Result(new BitmapsDocument(bitmaps), console =>
        {
            if (bitmaps.Length > 0 || unreachable is null)
                BitmapTable.Print(console, bitmaps);
        });
        return unreachable is null ? ExitCode.Done : throw unreachable;
    }

    private static async Task<Answer> AskAsync(NodeClient node, string disk, CancellationToken cancellationToken)
    {
        try
        {
            return new Answer(await BitmapQueries.ListAsync(node, disk, cancellationToken), null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's bitmaps are shown all the same.
            return new Answer([], e);
        }
    }

    private sealed record Answer(IReadOnlyList<BitmapDocument> Bitmaps, CliException? Unreachable);
}
