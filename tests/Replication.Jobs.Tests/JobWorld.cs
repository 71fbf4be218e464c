using Replication.Block;
using Replication.Testing;

namespace Replication.Jobs.Tests;

/// <summary>An engine, its jobs and what was told of them, all in the test's own thread.</summary>
internal sealed class JobWorld : IJobObserver
{
    public JobWorld() => Engine = new JobEngine(this, Time, (what, work) =>
    {
        Task running = work();
        Running.Add((what, running));
    });

    public FakeTimeProvider Time { get; } = new();

    public JobEngine Engine { get; }

    public List<(string What, Task Task)> Running { get; } = [];

    /// <summary>"JOB status", and "JOB: event".</summary>
    public List<string> Told { get; } = [];

    /// <summary>Every job as it was last told of.</summary>
    public Dictionary<string, JobInfo> Last { get; } = [];

    /// <summary>Called behind everything that is told.</summary>
    public Action OnTold { get; set; } = () => { };

    /// <summary>A job on its own, begun.</summary>
    public ScriptedWork Begin(string id, ScriptedWork? work = null, bool autoFinalize = true, bool autoDismiss = true, long speed = 0)
    {
        JobTransaction transaction = Engine.CreateTransaction();
        work ??= new ScriptedWork();
        Add(transaction, id, work, autoFinalize, autoDismiss, speed);
        Engine.Begin(transaction);
        return work;
    }

    public ScriptedWork Add(
        JobTransaction transaction, string id, ScriptedWork? work = null, bool autoFinalize = true, bool autoDismiss = true, long speed = 0)
    {
        work ??= new ScriptedWork();
        Engine.Create(
            transaction,
            new JobOptions { Id = id, Type = JobType.Backup, AutoFinalize = autoFinalize, AutoDismiss = autoDismiss, SpeedBytesPerSecond = speed },
            work);
        return work;
    }

    public JobStatus StatusOf(string id) => Engine.Query().Single(job => job.Id == id).Status;

    /// <summary>How a job has ended: 0, or an error number.</summary>
    public int ResultOf(string id)
    {
        JobInfo info = Last[id];
        Assert.True(info.Status is JobStatus.Concluded or JobStatus.Null, $"job {id} is {info.Status}");
        return info.Failure?.Errno ?? 0;
    }

    public void CheckNothingIsLeft()
    {
        Assert.Empty(Engine.Query());
        Assert.All(Running, piece => Assert.True(piece.Task.IsCompletedSuccessfully, piece.What));
    }

    void IJobObserver.StatusChanged(JobInfo job) => Take(job, $"{job.Id} {job.Status.ToString().ToLowerInvariant()}");

    void IJobObserver.BecameReady(JobInfo job) => Take(job, $"{job.Id}: ready");

    void IJobObserver.BecamePending(JobInfo job) => Take(job, $"{job.Id}: pending");

    void IJobObserver.Completed(JobInfo job) => Take(job, job.Failure is { } failure ? $"{job.Id}: completed with {failure.Errno}" : $"{job.Id}: completed");

    void IJobObserver.Cancelled(JobInfo job) => Take(job, $"{job.Id}: cancelled");

    void IJobObserver.Failed(JobInfo job, BlockOperation operation, ErrorAction action) =>
        Take(job, $"{job.Id}: {operation} failed, {action}".ToLowerInvariant());

    private void Take(JobInfo job, string what)
    {
        Told.Add(what);
        Last[job.Id] = job;
        OnTold();
    }
}
