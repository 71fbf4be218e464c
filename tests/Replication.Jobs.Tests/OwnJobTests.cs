using Replication.Block;
using Replication.Testing;

namespace Replication.Jobs.Tests;

/// <summary>Jobs of the node's own: the sync and the commit of a pair.</summary>
public sealed class OwnJobTests : IDisposable
{
    private readonly JobWorld _world = new();
    private readonly CancellationTokenSource _caller = new();

    public void Dispose() => _caller.Dispose();

    [Fact]
    public async Task It_lives_as_every_job_and_nobody_sees_it()
    {
        var work = new ScriptedWork();
        Task job = Run(work);
        Assert.Equal(["run"], work.Calls);
        Assert.Empty(_world.Engine.Query());
        work.Step();
        Assert.Equal((1, 100), work.Context!.Progress);
        work.Succeed();
        await job.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(["run", "prepare", "commit", "clean"], work.Calls);
        Assert.Equal((2, 100), work.Context.Progress);
        Assert.Empty(_world.Told);
        // In its caller's flow: nothing of it is work that nobody waits for.
        Assert.Empty(_world.Running);
    }

    [Fact]
    public async Task What_its_work_throws_is_its_callers_as_it_was_thrown()
    {
        var work = new ScriptedWork();
        Task job = Run(work);
        work.Fail(Errno.ENOSPC);
        Assert.Equal(Errno.ENOSPC, (await Assert.ThrowsAsync<BlockException>(() => job.WaitAsync(TestTimeouts.Patience))).Errno);
        Assert.Equal(["run", "abort", "clean"], work.Calls);
    }

    [Fact]
    public async Task So_is_what_no_job_of_a_persons_may_throw()
    {
        var thrown = new InvalidDataException("on purpose");
        var work = new ThrowingWork(thrown);
        Assert.Same(thrown, await Assert.ThrowsAsync<InvalidDataException>(() => Run(work).WaitAsync(TestTimeouts.Patience)));
        Assert.Equal(["abort", "clean"], work.Calls);
    }

    [Fact]
    public async Task Its_caller_cancels_it()
    {
        var work = new ScriptedWork();
        Task job = Run(work);
        _caller.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => job.WaitAsync(TestTimeouts.Patience));
        Assert.Equal(["run", "abort", "clean"], work.Calls);
    }

    [Fact]
    public async Task A_caller_that_has_been_cancelled_before_gets_no_result()
    {
        _caller.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run(new ScriptedWork()).WaitAsync(TestTimeouts.Patience));
    }

    [Fact]
    public async Task Work_that_succeeds_in_spite_of_a_cancel_is_cancelled_all_the_same()
    {
        var work = new StubbornWork();
        Task job = Run(work);
        _caller.Cancel();
        Assert.False(job.IsCompleted);
        work.End.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => job.WaitAsync(TestTimeouts.Patience));
        Assert.True(work.IsAborted);
    }

    [Fact]
    public async Task A_result_that_cannot_be_made_visible_is_a_failure()
    {
        var work = new ScriptedWork { PrepareFails = ScriptedWork.Error(Errno.EIO) };
        Task job = Run(work);
        work.Succeed();
        Assert.Contains("on purpose", (await Assert.ThrowsAsync<JobException>(() => job.WaitAsync(TestTimeouts.Patience))).Message, StringComparison.Ordinal);
        Assert.Equal(["run", "prepare", "abort", "clean"], work.Calls);
    }

    [Fact]
    public async Task One_that_completes_itself_is_ready_and_goes_on()
    {
        var work = new ScriptedWork { BecomesReady = true };
        Task job = _world.Engine.RunOwnAsync(new JobOptions { Id = null, Type = JobType.Commit, AutoComplete = true }, work, _caller.Token);
        work.Succeed();
        await job.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(["run", "prepare", "commit", "clean"], work.Calls);
    }

    [Fact]
    public void One_that_completes_itself_says_that_it_was_ready()
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        var work = new ScriptedWork { BecomesReady = true };
        _world.Engine.Create(transaction, new JobOptions { Id = "a", Type = JobType.Mirror, AutoComplete = true }, work);
        _world.Engine.Begin(transaction);
        work.Succeed();
        Assert.Equal(["a created", "a running", "a ready", "a: ready", "a waiting", "a pending", "a: completed", "a concluded", "a null"], _world.Told);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task It_is_not_refused_for_the_number_of_peoples_jobs()
    {
        for (int i = 0; i < Limits.Jobs; i++)
            _world.Begin($"a{i}", autoDismiss: false).Succeed();
        Assert.Throws<JobException>(() => _world.Begin("another"));
        var work = new ScriptedWork();
        Task job = Run(work);
        work.Succeed();
        await job.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task The_end_of_peoples_jobs_leaves_it_to_its_caller()
    {
        var work = new ScriptedWork();
        Task job = Run(work);
        _world.Begin("a");
        await _world.Engine.EndAsync().WaitAsync(TestTimeouts.Patience);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("a"));
        Assert.Equal(["run"], work.Calls);
        work.Succeed();
        await job.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task Who_waits_for_its_speed_notices_that_it_is_not_wanted_any_more()
    {
        var work = new ScriptedWork();
        _ = Run(work, speed: 1);
        await work.Context!.PaceAsync(1 << 20);
        Task waiting = work.Context.PaceAsync(1, () => throw new InvalidDataException("lost")).AsTask();
        _world.Time.Advance(Limits.PaceStep);
        Assert.Equal("lost", (await Assert.ThrowsAsync<InvalidDataException>(() => waiting.WaitAsync(TestTimeouts.Patience))).Message);
        _caller.Cancel();
    }

    private Task Run(JobWork work, long speed = 0) =>
        _world.Engine.RunOwnAsync(new JobOptions { Id = null, Type = JobType.Mirror, SpeedBytesPerSecond = speed }, work, _caller.Token);

    private sealed class ThrowingWork(Exception what) : JobWork
    {
        public List<string> Calls { get; } = [];

        public override Task RunAsync(JobContext context) => throw what;

        public override ValueTask AbortAsync() => Record("abort");

        public override ValueTask CleanAsync() => Record("clean");

        private ValueTask Record(string call)
        {
            Calls.Add(call);
            return default;
        }
    }

    private sealed class StubbornWork : JobWork
    {
        public TaskCompletionSource End { get; } = new();

        public bool IsAborted { get; private set; }

        public override Task RunAsync(JobContext context) => End.Task;

        public override ValueTask AbortAsync()
        {
            IsAborted = true;
            return default;
        }
    }
}
