using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

internal sealed class JobListVerb : Verb
{
    private readonly NodeChoice _node;

    public JobListVerb(VerbHost host)
        : base(host, "list", "Show the jobs of both nodes") => _node = new NodeChoice(this);

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        var answers = await Task.WhenAll(_node.AllOf(context).Select(node => AskAsync(node, context.Cancellation)));
        JobDocument[] jobs = [.. answers.SelectMany(answer => answer.Jobs)];
        CliException? unreachable = answers.Select(answer => answer.Unreachable).FirstOrDefault(e => e is not null);
        context.Output.Result(new JobsDocument(jobs), console =>
        {
            // Of a node that did not answer nobody knows.
            if (jobs.Length > 0 || unreachable is null)
                JobTable.Print(console, jobs);
        });
        return unreachable is null ? ExitCode.Done : throw unreachable;
    }

    private static async Task<Answer> AskAsync(NodeClient node, CancellationToken cancellationToken)
    {
        try
        {
            return new Answer([.. (await JobQueries.ListAsync(node, cancellationToken)).Select(job => JobDocument.Of(node, job))], null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's jobs are shown all the same.
            return new Answer([], e);
        }
    }

    private sealed record Answer(IReadOnlyList<JobDocument> Jobs, CliException? Unreachable);
}
