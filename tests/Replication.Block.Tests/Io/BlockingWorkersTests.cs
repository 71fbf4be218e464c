namespace Replication.Block.Tests.Io;

public sealed class BlockingWorkersTests
{
    [Fact]
    public async Task Jobs_run_on_the_workers_and_their_continuations_inside_a_batch()
    {
        using var workers = new BlockingWorkers("test", 1);
        int caller = Environment.CurrentManagedThreadId;
        var job = new ProbeJob();
        await job.RunAsync(workers);
        Assert.NotEqual(caller, job.RanOn);
    }

    [Fact]
    public async Task A_full_queue_makes_the_caller_do_the_work()
    {
        using var workers = new BlockingWorkers("test", 1);
        using var gate = new ManualResetEventSlim();
        var tasks = new List<Task> { new ProbeJob(gate).RunAsync(workers).AsTask() };
        ProbeJob last = new();
        for (int i = 0; i < Limits.BlockingQueueLength + 2 && last.RanOn != Environment.CurrentManagedThreadId; i++)
            tasks.Add((last = new ProbeJob()).RunAsync(workers).AsTask());
        Assert.Equal(Environment.CurrentManagedThreadId, last.RanOn);
        gate.Set();
        await Task.WhenAll(tasks);
    }

    [Fact]
    public async Task An_error_of_the_job_is_an_error_of_its_task()
    {
        using var workers = new BlockingWorkers("test", 1);
        var error = new BlockException(BlockErrorKind.Io, "disk0", BlockOperation.Flush, default, "test");
        Assert.Same(error, await Assert.ThrowsAsync<BlockException>(async () => await new ProbeJob(error: error).RunAsync(workers)));
    }

    [Fact]
    public async Task Dispose_runs_what_was_handed_over_before_and_later_jobs_run_on_the_caller()
    {
        var workers = new BlockingWorkers("test", 2);
        Task[] tasks = [.. Enumerable.Range(0, 50).Select(_ => new ProbeJob().RunAsync(workers).AsTask())];
        workers.Dispose();
        Assert.All(tasks, task => Assert.True(task.IsCompletedSuccessfully));
        var late = new ProbeJob();
        await late.RunAsync(workers);
        Assert.NotEqual(0, late.RanOn);
    }

    private sealed class ProbeJob(ManualResetEventSlim? gate = null, BlockException? error = null) : BlockingJob
    {
        public volatile int RanOn;

        public ValueTask RunAsync(BlockingWorkers workers) => Start(workers);

        protected override BlockException? Run()
        {
            RanOn = Environment.CurrentManagedThreadId;
            gate?.Wait();
            return error;
        }

        protected override BlockException Closed(ObjectDisposedException cause) =>
            new(BlockErrorKind.Shutdown, "disk0", BlockOperation.Flush, default, "closed");

        protected override void Recycle()
        {
        }
    }
}
