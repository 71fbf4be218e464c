using Grpc.Core;
using Replication.Block;
using Replication.Jobs;

namespace Replication.Control.Services.Jobs;

/// <summary>What one watcher is told of some jobs: each change of a status, and the progress in between.</summary>
/// <remarks>
/// Changes are put into a list by the engine's observer, which never waits; progress is looked up. A status never goes back, and nothing comes after the end of
/// a job but another one of its name: what is looked up may be ahead of what has been told, and then only what is told counts.
/// </remarks>
internal sealed class JobWatch : IJobObserver, IDisposable
{
    private readonly JobEngine _engine;
    private readonly HashSet<string> _ids;
    private readonly Lock _sync = new(); // guards _changed and _arrived
    private readonly List<JobInfo> _changed = [];
    private readonly Dictionary<string, JobInfo> _sent = []; // the reader's: the newest of each name
    private readonly IDisposable _membership;
    private TaskCompletionSource _arrived = NewArrival();
    private bool _hasRead; // the reader's

    public JobWatch(JobEngine engine, JobObservers observers, IEnumerable<string> ids)
    {
        _engine = engine;
        _ids = [.. ids];
        _membership = observers.Add(this);
    }

    /// <summary>Waits for news; none may have come where a step is over. One caller at a time.</summary>
    /// <exception cref="RpcException">The watcher is too slow.</exception>
    public async Task<IReadOnlyList<JobInfo>> ReadAsync(CancellationToken cancellationToken)
    {
        // What there is comes at once.
        if (_hasRead)
            await WaitAsync(cancellationToken);
        _hasRead = true;
        var news = new List<JobInfo>();
        foreach (JobInfo job in Take().Where(IsNews))
        {
            _sent[job.Id] = job;
            news.Add(job);
        }

        foreach (JobInfo job in _engine.Query().Where(job => _ids.Contains(job.Id) && IsProgress(job)))
        {
            _sent[job.Id] = job;
            news.Add(job);
        }

        return news;
    }

    public void StatusChanged(JobInfo job)
    {
        if (job.Status == JobStatus.Null || !_ids.Contains(job.Id))
            return;
        lock (_sync)
        {
            // One too many is kept: it says that something is missing.
            if (_changed.Count <= ServiceLimits.WatchedChanges)
                _changed.Add(job);
            _arrived.TrySetResult();
        }
    }

    public void BecameReady(JobInfo job)
    {
        // Its status has said so; and so with the others.
    }

    public void BecamePending(JobInfo job)
    {
    }

    public void Completed(JobInfo job)
    {
    }

    public void Cancelled(JobInfo job)
    {
    }

    public void Failed(JobInfo job, BlockOperation operation, ErrorAction action)
    {
    }

    public void Dispose() => _membership.Dispose();

    private List<JobInfo> Take()
    {
        lock (_sync)
        {
            if (_changed.Count > ServiceLimits.WatchedChanges)
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "the watcher did not keep up with the changes of its jobs; watch again"));
            List<JobInfo> taken = [.. _changed];
            _changed.Clear();
            _arrived = NewArrival();
            return taken;
        }
    }

    private bool IsNews(JobInfo job) =>
        !_sent.TryGetValue(job.Id, out JobInfo? last) || job.Number > last.Number || (job.Number == last.Number && last.Status != JobStatus.Concluded);

    private bool IsProgress(JobInfo job) =>
        !_sent.TryGetValue(job.Id, out JobInfo? last) || (job.Number == last.Number && job.Status == last.Status && job != last);

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        Task arrived;
        lock (_sync)
            arrived = _arrived.Task;
        try
        {
            await arrived.WaitAsync(ServiceLimits.WatchStep, cancellationToken);
        }
        catch (TimeoutException)
        {
            // It is time to look at the progress.
        }
    }

    private static TaskCompletionSource NewArrival() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
