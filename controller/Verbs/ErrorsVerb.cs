using System.CommandLine;
using System.Globalization;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs;

/// <summary>Shows, and takes off on request, the errors that both nodes keep until they are acknowledged.</summary>
internal sealed class ErrorsVerb : Verb
{
    private readonly Option<ulong?> _acknowledge;

    public ErrorsVerb(VerbHost host)
        : base(host, "errors", "Show the errors of both nodes; each stays until it is acknowledged")
    {
        _acknowledge = new Option<ulong?>("--acknowledge")
        {
            Description = "Acknowledge this error (of either node), or all",
            HelpName = "SEQ|all",
            CustomParser = ParseSeq,
        };
        Options.Add(_acknowledge);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        // Zero stands for all, as on the wire.
        ulong? acknowledge = context.Parsed.GetValue(_acknowledge);
        var answers = await Task.WhenAll(context.Nodes.Select(n => AskAsync(n, acknowledge, context.Cancellation)));
        Entry[] entries = [.. answers.SelectMany(a => a.Entries)];
        long acknowledged = answers.Sum(a => (long)a.Acknowledged);
        CliException? unreachable = answers.Select(a => a.Unreachable).FirstOrDefault(e => e is not null);

        bool isUnknown = acknowledge is > 0 && acknowledged == 0 && unreachable is null;
        context.Output.Result(new Document(entries, acknowledged), console =>
        {
            // A list, or that there is none, would read like an answer to what was asked.
            if (!isUnknown)
                Print(console, entries, acknowledge is null ? null : acknowledged, unreachable is null);
        });
        if (unreachable is not null)
            throw unreachable;
        if (isUnknown)
            throw new CliException(ExitCode.Failed, $"{Nobody(context.Nodes)} unacknowledged error {acknowledge}; coloctl errors lists what there is");
        return ExitCode.Done;
    }

    private static async Task<Answer> AskAsync(NodeClient node, ulong? acknowledge, CancellationToken cancellationToken)
    {
        try
        {
            uint acknowledged = 0;
            if (acknowledge is { } seq)
                acknowledged = await AcknowledgeAsync(node, seq, cancellationToken);
            GetErrorsResponse response = await node.CallAsync((s, o) => s.GetErrorsAsync(new GetErrorsRequest(), o), cancellationToken);
            return new Answer([.. response.Errors.Select(e => Entry.Of(node, e))], acknowledged, null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's errors are shown all the same.
            return new Answer([], 0, e);
        }
    }

    private static async Task<uint> AcknowledgeAsync(NodeClient node, ulong seq, CancellationToken cancellationToken)
    {
        try
        {
            var request = new AcknowledgeErrorsRequest { Seq = seq };
            return (await node.CallAsync((s, o) => s.AcknowledgeErrorsAsync(request, o), cancellationToken)).Acknowledged;
        }
        catch (CliException e) when (NodeFailure.StatusOf(e) == Grpc.Core.StatusCode.NotFound)
        {
            return 0;
        }
    }

    private static string Nobody(IReadOnlyList<NodeClient> nodes) => nodes.Count == 1 ? $"{nodes[0]} has no" : "neither node has an";

    private static void Print(IAnsiConsole console, IReadOnlyList<Entry> entries, long? acknowledged, bool bothAnswered)
    {
        if (acknowledged is { } count)
            console.MarkupLineInterpolated($"{count} acknowledged");
        if (entries.Count == 0)
        {
            // Of a node that did not answer nobody knows.
            if (bothAnswered)
                console.MarkupLine("[green]No errors[/]");
            return;
        }

        Table table = new Table().AddColumns("node", "seq", "time", "case", "disk", "range", "errno", "epoch", "what", "advice");
        foreach (Entry e in entries)
        {
            string[] cells =
            [
                e.Node, $"{e.Seq}", e.Time, $"{e.Case}", e.Disk, e.LengthBytes > 0 ? $"{e.OffsetBytes}+{e.LengthBytes}" : "", $"{e.Errno}", $"{e.Epoch}",
                e.Message, e.Advice,
            ];
            table.AddRow([.. cells.Select(c => new Markup(Markup.Escape(c)))]);
        }

        console.Write(table);
    }

    private static ulong? ParseSeq(System.CommandLine.Parsing.ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (text == "all")
            return 0;
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seq) && seq > 0)
            return seq;
        result.AddError($"--acknowledge: '{text}' is neither an error's number nor all.");
        return null;
    }

    private sealed record Answer(IReadOnlyList<Entry> Entries, uint Acknowledged, CliException? Unreachable);

    private sealed record Document(IReadOnlyList<Entry> Errors, long Acknowledged);

    private sealed record Entry(
        ulong Seq, string Node, uint Case, string Disk, long OffsetBytes, long LengthBytes, int Errno, ulong Epoch, string Message, string Advice, string Time,
        bool Settled)
    {
        public static Entry Of(NodeClient node, ReplicationError e) => new(
            e.Seq,
            node.SideText,
            e.Case,
            e.Disk,
            e.OffsetBytes,
            e.LengthBytes,
            e.Errno,
            e.Epoch,
            e.Message,
            e.Advice,
            WireNames.Time(e.TimeUnixMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
            e.Settled);
    }
}
