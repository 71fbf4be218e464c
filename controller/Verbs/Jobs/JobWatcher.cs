using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;
using Replication.Controller.Output;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>A watch over jobs of some names: in force before they are started, so that nothing of them is missed.</summary>
internal sealed class JobWatcher : IDisposable
{
    private readonly NodeClient _node;
    private readonly AsyncServerStreamingCall<WatchJobsResponse> _call;
    private readonly CancellationTokenSource _ended = new();

    private JobWatcher(NodeClient node, IEnumerable<string> ids)
    {
        _node = node;
        _call = node.Jobs.WatchJobs(new WatchJobsRequest { JobIds = { ids } }, new CallOptions(cancellationToken: _ended.Token));
    }

    /// <summary>Returns when the watch is in force.</summary>
    public static async Task<JobWatcher> OpenAsync(NodeClient node, IEnumerable<string> ids, CancellationToken cancellationToken)
    {
        var watcher = new JobWatcher(node, ids);
        try
        {
            await node.WatchedAsync(token => node.Guarded(() => watcher._call.ResponseHeadersAsync.WaitAsync(token), token), null, cancellationToken);
            return watcher;
        }
        catch
        {
            watcher.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Waits until each of the jobs has ended, or waits for somebody: <c>ready</c> for its completion, <c>pending</c> for its finalisation. Shows how far they
    /// are. The node is lost where it does not answer its status meanwhile.
    /// </summary>
    public async Task<IReadOnlyList<JobInfo>> WaitAsync(IReadOnlyList<JobInfo> jobs, VerbContext context)
    {
        using ProgressDisplay progress = context.Output.Progress();
        return await _node.WatchedAsync(token => ReadAsync(jobs, progress, token), null, context.Cancellation);
    }

    public void Dispose()
    {
        _ended.Cancel();
        _call.Dispose();
        _ended.Dispose();
    }

    private async Task<IReadOnlyList<JobInfo>> ReadAsync(IReadOnlyList<JobInfo> jobs, ProgressDisplay progress, CancellationToken cancellationToken)
    {
        Dictionary<ulong, JobInfo> last = jobs.ToDictionary(job => job.Number);
        while (!last.Values.All(NeedsSomebody))
        {
            if (!await _node.Guarded(() => _call.ResponseStream.MoveNext(cancellationToken), cancellationToken))
                throw new CliException(ExitCode.Unreachable, $"{_node}: it ended while the job ran");
            JobInfo job = _call.ResponseStream.Current.Job;
            if (!last.ContainsKey(job.Number))
                continue;
            last[job.Number] = job;
            string[] running = [.. last.Values.Where(job => !NeedsSomebody(job)).Select(job => $"{job.Id} {WireNames.Kebab(job.Status.ToString())}")];
            progress.Show(string.Join(", ", running), last.Values.Sum(job => job.OffsetBytes), last.Values.Sum(job => job.LengthBytes));
        }

        return [.. jobs.Select(job => last[job.Number])];
    }

    private static bool NeedsSomebody(JobInfo job) => job.Status switch
    {
        JobStatus.Concluded or JobStatus.Null or JobStatus.Ready => true,
        JobStatus.Pending => !job.AutoFinalize,
        _ => false,
    };
}
