using Grpc.Core;
using Replication.Control.Services;
using Replication.Control.Services.Jobs;
using Replication.Jobs;
using Replication.Testing;

namespace Replication.Control.Tests.Services.Jobs;

public sealed class JobWatchTests : IDisposable
{
    private readonly JobObservers _observers = new();
    private readonly JobWatch _watch;

    public JobWatchTests() =>
        _watch = new JobWatch(new JobEngine(_observers, TimeProvider.System, (_, work) => work()), _observers, ["a", "b"]);

    public void Dispose() => _watch.Dispose();

    [Fact]
    public async Task Changes_come_in_order_and_only_those_of_the_jobs_that_were_named()
    {
        Tell("a", 1, JobStatus.Created);
        Tell("c", 2, JobStatus.Created);
        Tell("a", 1, JobStatus.Running);
        Tell("b", 3, JobStatus.Created);
        Assert.Equal([("a", JobStatus.Created), ("a", JobStatus.Running), ("b", JobStatus.Created)], await ReadAsync());
    }

    [Fact]
    public async Task Nothing_comes_behind_the_end_of_a_job_but_another_one_of_its_name()
    {
        Tell("a", 1, JobStatus.Concluded);
        Tell("a", 1, JobStatus.Pending);
        Tell("a", 1, JobStatus.Null);
        Tell("a", 2, JobStatus.Created);
        Tell("a", 1, JobStatus.Concluded);
        Assert.Equal([("a", JobStatus.Concluded), ("a", JobStatus.Created)], await ReadAsync());
    }

    [Fact]
    public async Task Who_does_not_keep_up_is_told_so_and_costs_no_more()
    {
        for (int i = 0; i < 2 * ServiceLimits.WatchedChanges; i++)
            Tell("a", 1, JobStatus.Running);
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(ReadAsync);
        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
    }

    [Fact]
    public async Task A_watch_that_has_ended_is_told_nothing()
    {
        _watch.Dispose();
        Tell("a", 1, JobStatus.Created);
        Assert.Empty(await ReadAsync());
    }

    private void Tell(string id, long number, JobStatus status) => _observers.StatusChanged(
        new JobInfo(id, JobType.Backup, status, 0, 0, 0, false, true, IoStatus.Ok, true, true, null) { Number = number });

    private async Task<IEnumerable<(string, JobStatus)>> ReadAsync() =>
        (await _watch.ReadAsync(CancellationToken.None).WaitAsync(TestTimeouts.Patience)).Select(job => (job.Id, job.Status));
}
