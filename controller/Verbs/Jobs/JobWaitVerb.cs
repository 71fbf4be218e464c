using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Waits for jobs. One that has ended and left the list is told from the node's events.</summary>
internal sealed class JobWaitVerb : Verb
{
    private readonly Argument<string[]> _ids = new("JOB") { Description = "Names of the jobs", Arity = ArgumentArity.OneOrMore };
    private readonly NodeChoice _node;

    public JobWaitVerb(VerbHost host)
        : base(host, "wait", "Wait until each job has ended, or waits for complete or finalize")
    {
        Arguments.Add(_ids);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        string[] ids = [.. context.Parsed.GetRequiredValue(_ids).Distinct(StringComparer.Ordinal)];
        using JobWatcher watcher = await JobWatcher.OpenAsync(node, ids, context.Cancellation);
        IReadOnlyList<JobInfo> listed = await JobQueries.ListAsync(node, context.Cancellation);
        JobInfo[] live = [.. ids.Select(id => listed.FirstOrDefault(job => job.Id == id)).OfType<JobInfo>()];
        Dictionary<string, JobInfo> ended = [];
        foreach (string id in ids.Except(live.Select(job => job.Id), StringComparer.Ordinal))
        {
            ended[id] = await JobQueries.LastEndAsync(node, id, context.Cancellation)
                ?? throw new CliException(ExitCode.Failed, $"{node}: there is no job '{id}', and no event of one");
        }

        foreach (JobInfo job in live.Length == 0 ? [] : await JobResults.WaitAsync(watcher, live, context))
            ended[job.Id] = job;
        JobInfo[] jobs = [.. ids.Select(id => ended[id])];
        return JobResults.Print(context, new JobsDocument([.. jobs.Select(job => JobDocument.Of(node, job))]), node, jobs);
    }
}
