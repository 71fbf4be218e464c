using Replication.Block;

namespace Replication.Jobs.Tests;

public sealed class JobObserversTests
{
    private static readonly JobInfo s_job = new("a", JobType.Backup, JobStatus.Running, 0, 0, 0, false, true, IoStatus.Ok, true, true, null);

    private readonly List<string> _told = [];

    [Fact]
    public void All_are_told_in_the_order_in_which_they_came()
    {
        var observers = new JobObservers();
        observers.Add(new Noting("first", _told));
        observers.Add(new Noting("second", _told));
        observers.StatusChanged(s_job);
        observers.BecameReady(s_job);
        observers.BecamePending(s_job);
        observers.Completed(s_job);
        observers.Cancelled(s_job);
        observers.Failed(s_job, BlockOperation.Read, ErrorAction.Report);
        string[] calls = ["status", "ready", "pending", "completed", "cancelled", "failed"];
        Assert.Equal(calls.SelectMany(call => new[] { $"first {call}", $"second {call}" }), _told);
    }

    [Fact]
    public void Who_has_gone_is_told_nothing_more()
    {
        var observers = new JobObservers();
        IDisposable gone = observers.Add(new Noting("gone", _told));
        observers.Add(new Noting("stays", _told));
        gone.Dispose();
        observers.StatusChanged(s_job);
        Assert.Equal(["stays status"], _told);
    }

    private sealed class Noting(string name, List<string> told) : IJobObserver
    {
        public void StatusChanged(JobInfo job) => told.Add($"{name} status");

        public void BecameReady(JobInfo job) => told.Add($"{name} ready");

        public void BecamePending(JobInfo job) => told.Add($"{name} pending");

        public void Completed(JobInfo job) => told.Add($"{name} completed");

        public void Cancelled(JobInfo job) => told.Add($"{name} cancelled");

        public void Failed(JobInfo job, BlockOperation operation, ErrorAction action) => told.Add($"{name} failed");
    }
}
