using System.CommandLine;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>A verb that asks something of one job, and shows the job as it is then.</summary>
internal class JobAskVerb : Verb
{
    private readonly Argument<string> _id = new("JOB") { Description = "Name of the job" };
    private readonly Func<NodeClient, string, CallOptions, Task> _ask;
    private readonly NodeChoice _node;

    public JobAskVerb(VerbHost host, string name, string description, Func<NodeClient, string, CallOptions, Task> ask)
        : base(host, name, description)
    {
        _ask = ask;
        Arguments.Add(_id);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        string id = context.Parsed.GetRequiredValue(_id);
        await node.AskAsync(o => AskAsync(context, node, id, o), context.Cancellation);
        // It may have left the list with this.
        JobInfo[] jobs = [.. (await JobQueries.ListAsync(node, context.Cancellation)).Where(job => job.Id == id)];
        JobDocument[] documents = [.. jobs.Select(job => JobDocument.Of(node, job))];
        context.Output.Result(new JobsDocument(documents), console =>
        {
            if (documents.Length > 0)
                JobTable.Print(console, documents);
        });
        return ExitCode.Done;
    }

    protected virtual Task AskAsync(VerbContext context, NodeClient node, string id, CallOptions options) => _ask(node, id, options);
}
