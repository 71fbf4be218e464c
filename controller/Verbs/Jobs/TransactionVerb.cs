using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Spectre.Console;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Several actions at one moment, all of them or none; waits for the end of its jobs.</summary>
internal sealed class TransactionVerb : Verb
{
    private readonly Argument<string> _file = new("FILE")
    {
        Description = "JSON: the arguments of QMP's transaction, or its actions alone; - reads standard input",
    };

    private readonly Option<string> _completion = WireWords<CompletionMode>.Option(
        "--completion-mode", "Whether its jobs succeed each for itself, or together or not at all [default: what the file says, or individual]");

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Do nothing, and tell every error of every action" };
    private readonly Option<bool> _detach = new("--detach") { Description = "Return when its jobs have begun; coloctl job wait waits for them" };
    private readonly NodeChoice _node;

    public TransactionVerb(VerbHost host)
        : base(host, "transaction", "Backups and changes of bitmaps, of several disks, at one moment: all of them or none")
    {
        Arguments.Add(_file);
        Options.Add(_completion);
        Options.Add(_dryRun);
        Options.Add(_detach);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        TransactRequest request = TransactionFile.Parse(await ReadAsync(context.Parsed.GetRequiredValue(_file), context.Cancellation));
        if (context.Parsed.GetValue(_completion) is { } completion)
            request.CompletionMode = WireWords<CompletionMode>.Parse(completion);
        request.DryRun = context.Parsed.GetValue(_dryRun);
        if (request.DryRun)
            return await RehearseAsync(node, request, context);

        string[] ids = [.. request.Actions.Select(action => action.Backup).OfType<BackupSpec>().Select(IdOf).Distinct(StringComparer.Ordinal)];
        using JobWatcher? watcher = ids.Length == 0 ? null : await JobWatcher.OpenAsync(node, ids, context.Cancellation);
        IReadOnlyList<JobInfo> jobs = (await JobResults.StartAsync(node, o => node.Jobs.TransactAsync(request, o), context)).Jobs;
        if (watcher is not null && !context.Parsed.GetValue(_detach))
            jobs = await JobResults.WaitAsync(watcher, jobs, context);
        return JobResults.Print(context, new Document([.. jobs.Select(job => JobDocument.Of(node, job))], []), node, jobs);
    }

    private static async Task<ExitCode> RehearseAsync(NodeClient node, TransactRequest request, VerbContext context)
    {
        TransactResponse answer = await node.CallWatchedAsync(o => node.Jobs.TransactAsync(request, o), null, context.Cancellation);
        Refusal[] errors = [.. answer.Errors.Select(error => new Refusal(error.Index, error.Message))];
        context.Output.Result(new Document([], errors), console =>
        {
            foreach (Refusal error in errors)
                console.MarkupLineInterpolated($"[red]Refused[/] action {error.Action}: {error.Message}");
            if (errors.Length == 0)
                console.MarkupLineInterpolated($"[green]Accepted[/]: {request.Actions.Count} actions; nothing has been done");
        });
        if (errors.Length == 0)
            return ExitCode.Done;
        string reasons = errors.Length == 1 ? "a reason" : $"{errors.Length} reasons";
        throw new CliException(ExitCode.Refused, $"{node}: the transaction would be refused, for {reasons}");
    }

    private static string IdOf(BackupSpec backup) => backup.JobId.Length > 0 ? backup.JobId : backup.Device;

    private static async Task<string> ReadAsync(string file, CancellationToken cancellationToken)
    {
        if (file == "-")
            return await Console.In.ReadToEndAsync(cancellationToken);
        return await File.ReadAllTextAsync(file, cancellationToken);
    }

    private sealed record Document(IReadOnlyList<JobDocument> Jobs, IReadOnlyList<Refusal> Errors);

    private sealed record Refusal(uint Action, string Message);
}
