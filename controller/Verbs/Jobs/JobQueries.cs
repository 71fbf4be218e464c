using Colo.Protocol.V1;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

internal static class JobQueries
{
    public static async Task<IReadOnlyList<JobInfo>> ListAsync(NodeClient node, CancellationToken cancellationToken) =>
        (await node.CallAsync(o => node.Jobs.ListJobsAsync(new ListJobsRequest(), o), cancellationToken)).Jobs;

    /// <summary>
    /// How the last job of this name ended, from the node's events: one that leaves the list by itself is not there any more. Null: nobody knows.
    /// </summary>
    public static async Task<JobInfo?> LastEndAsync(NodeClient node, string id, CancellationToken cancellationToken)
    {
        JobInfo? last = null;
        await foreach (Event e in node.WatchEventsAsync(0, follow: false, cancellationToken))
        {
            if (e.Type is not ("job-completed" or "job-cancelled") || e.Text.GetValueOrDefault("job") != id)
                continue;
            last = new JobInfo
            {
                Id = id,
                Type = WireWords<JobType>.TryParse(e.Text.GetValueOrDefault("jobType", ""), out JobType type) ? type : default,
                Status = JobStatus.Null,
                OffsetBytes = e.Numbers.GetValueOrDefault("offsetBytes"),
                LengthBytes = e.Numbers.GetValueOrDefault("lengthBytes"),
                SpeedBytesPerSecond = e.Numbers.GetValueOrDefault("speed"),
                Errno = e.Type == "job-cancelled" ? JobResults.Cancelled : (int)e.Numbers.GetValueOrDefault("errno"),
                Error = e.Text.GetValueOrDefault("message", ""),
            };
        }

        return last;
    }
}
