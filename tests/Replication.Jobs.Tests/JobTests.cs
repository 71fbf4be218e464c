using Replication.Block;
using Replication.Testing;

namespace Replication.Jobs.Tests;

/// <summary>One job, from its creation to its end.</summary>
public sealed class JobTests
{
    private readonly JobWorld _world = new();

    [Fact]
    public void A_job_that_succeeds_goes_through_its_life_and_leaves_the_list()
    {
        ScriptedWork work = _world.Begin("a");
        work.Step();
        work.Succeed();
        Assert.Equal(["a created", "a running", "a waiting", "a pending", "a: completed", "a concluded", "a null"], _world.Told);
        Assert.Equal(["run", "prepare", "commit", "clean"], work.Calls);
        Assert.Equal((0, 2, 100), (_world.ResultOf("a"), _world.Last["a"].OffsetBytes, _world.Last["a"].LengthBytes));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_that_fails_is_completed_with_its_error()
    {
        ScriptedWork work = _world.Begin("a");
        work.Fail(Errno.EIO);
        Assert.Equal(["a created", "a running", "a aborting", "a: completed with 5", "a concluded", "a null"], _world.Told);
        Assert.Equal(["run", "abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_that_is_cancelled_says_so()
    {
        ScriptedWork work = _world.Begin("a");
        _world.Engine.Cancel("a");
        Assert.Equal(["a created", "a running", "a aborting", "a: cancelled", "a concluded", "a null"], _world.Told);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("a"));
        Assert.Equal(["run", "abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_paused_job_stands_and_goes_on_when_it_is_resumed()
    {
        ScriptedWork work = _world.Begin("a");
        _world.Engine.Pause("a");
        Assert.Equal((JobStatus.Running, true), (_world.StatusOf("a"), _world.Engine.Query()[0].IsPaused));
        work.Step();
        Assert.Equal(JobStatus.Paused, _world.StatusOf("a"));
        Assert.False(_world.Engine.Query()[0].IsBusy);
        work.Step();
        Assert.Equal(1, _world.Engine.Query()[0].OffsetBytes);
        _world.Engine.Resume("a");
        work.Succeed();
        Assert.Equal(0, _world.ResultOf("a"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_paused_job_that_is_cancelled_wakes_to_end()
    {
        ScriptedWork work = _world.Begin("a");
        _world.Engine.Pause("a");
        work.Step();
        _world.Engine.Cancel("a");
        Assert.Equal(["a paused", "a running", "a aborting", "a: cancelled", "a concluded", "a null"], _world.Told[2..]);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_is_paused_once_and_resumed_once()
    {
        _world.Begin("a");
        Assert.Contains("is not paused", Refusal(() => _world.Engine.Resume("a")), StringComparison.Ordinal);
        _world.Engine.Pause("a");
        Assert.Contains("is paused already", Refusal(() => _world.Engine.Pause("a")), StringComparison.Ordinal);
        _world.Engine.Resume("a");
        _world.Engine.Cancel("a");
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_that_is_ready_ends_when_it_is_asked_to()
    {
        var work = new ScriptedWork { BecomesReady = true };
        _world.Begin("a", work);
        Assert.Equal(["a running", "a ready", "a: ready"], _world.Told[1..]);
        _world.Engine.Pause("a");
        Assert.Equal(JobStatus.Standby, _world.StatusOf("a"));
        Assert.Contains("complete is refused: job 'a' is standby", Refusal(() => _world.Engine.Complete("a")), StringComparison.Ordinal);
        _world.Engine.Resume("a");
        Assert.Equal(JobStatus.Ready, _world.StatusOf("a"));
        _world.Engine.Complete("a");
        work.Succeed();
        Assert.Equal(0, _world.ResultOf("a"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void What_is_not_finalised_by_itself_waits_for_it()
    {
        ScriptedWork work = _world.Begin("a", autoFinalize: false);
        work.Succeed();
        Assert.Equal(["a waiting", "a pending", "a: pending"], _world.Told[2..]);
        Assert.DoesNotContain("commit", work.Calls);
        _world.Engine.Finalize("a");
        Assert.Equal(0, _world.ResultOf("a"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_pending_job_can_be_cancelled()
    {
        ScriptedWork work = _world.Begin("a", autoFinalize: false);
        work.Succeed();
        _world.Engine.Cancel("a");
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("a"));
        Assert.Equal(["run", "abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void What_is_not_dismissed_by_itself_stays_in_the_list()
    {
        _world.Begin("a", autoDismiss: false).Fail(Errno.ENOSPC);
        JobInfo concluded = Assert.Single(_world.Engine.Query());
        Assert.Equal((JobStatus.Concluded, Errno.ENOSPC), (concluded.Status, concluded.Failure!.Errno));
        Assert.Contains("cancel is refused: job 'a' is concluded", Refusal(() => _world.Engine.Cancel("a")), StringComparison.Ordinal);
        _world.Engine.Dismiss("a");
        Assert.Equal("a null", _world.Told[^1]);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_failed_preparation_fails_the_job()
    {
        var work = new ScriptedWork { PrepareFails = ScriptedWork.Error(Errno.ENOSPC) };
        _world.Begin("a", work).Succeed();
        Assert.Equal(Errno.ENOSPC, _world.ResultOf("a"));
        Assert.Equal(["run", "prepare", "abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_that_is_cancelled_while_it_is_prepared_is_cancelled()
    {
        var prepared = new TaskCompletionSource();
        var work = new ScriptedWork { WhilePrepared = () => prepared.Task };
        _world.Begin("a", work).Succeed();
        Assert.Equal(JobStatus.Pending, _world.StatusOf("a"));
        _world.Engine.Cancel("a");
        Assert.DoesNotContain("abort", work.Calls);
        prepared.SetResult();
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("a"));
        Assert.Equal(["run", "prepare", "abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(ErrorPolicy.Report, Errno.ENOSPC, ErrorAction.Report, IoStatus.Ok)]
    [InlineData(ErrorPolicy.Ignore, Errno.EIO, ErrorAction.Ignore, IoStatus.Ok)]
    [InlineData(ErrorPolicy.Stop, Errno.EIO, ErrorAction.Stop, IoStatus.Failed)]
    [InlineData(ErrorPolicy.Stop, Errno.ENOSPC, ErrorAction.Stop, IoStatus.NoSpace)]
    [InlineData(ErrorPolicy.Enospc, Errno.ENOSPC, ErrorAction.Stop, IoStatus.NoSpace)]
    [InlineData(ErrorPolicy.Enospc, Errno.EIO, ErrorAction.Report, IoStatus.Ok)]
    [InlineData(ErrorPolicy.Auto, Errno.ENOSPC, ErrorAction.Stop, IoStatus.NoSpace)]
    [InlineData(ErrorPolicy.Auto, Errno.EIO, ErrorAction.Report, IoStatus.Ok)]
    public void An_error_is_told_and_pauses_the_job_where_the_policy_says_so(ErrorPolicy policy, int errno, ErrorAction action, IoStatus status)
    {
        ScriptedWork work = _world.Begin("a");
        Assert.Equal(action, work.Context!.TakeError(policy, BlockOperation.Write, errno));
        // A second copy that fails before the first one has stopped the job pauses it once.
        work.Context.TakeError(policy, BlockOperation.Write, errno);
        Assert.Contains($"a: write failed, {action}".ToLowerInvariant(), _world.Told);
        JobInfo info = Assert.Single(_world.Engine.Query());
        Assert.Equal((action == ErrorAction.Stop, status), (info.IsPaused, info.IoStatus));
        work.Step();
        if (action == ErrorAction.Stop)
        {
            Assert.Equal(JobStatus.Paused, _world.StatusOf("a"));
            _world.Engine.Resume("a");
            Assert.Equal(IoStatus.Ok, _world.Engine.Query()[0].IoStatus);
        }

        work.Succeed();
        Assert.Equal(0, _world.ResultOf("a"));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task The_speed_holds_and_may_change_while_the_job_waits_for_it()
    {
        ScriptedWork work = _world.Begin("a", speed: 1000);
        await work.Context!.PaceAsync(500);
        Task second = work.Context.PaceAsync(1_000_000).AsTask();
        for (int i = 0; i < 4; i++)
            _world.Time.Advance(Limits.PaceStep);
        Assert.False(second.IsCompleted);
        _world.Time.Advance(Limits.PaceStep);
        await second.WaitAsync(TestTimeouts.Patience);
        Task third = work.Context.PaceAsync(1).AsTask();
        _world.Engine.SetSpeed("a", 1_000_000_000);
        Assert.Equal(1_000_000_000, _world.Engine.Query()[0].SpeedBytesPerSecond);
        _world.Time.Advance(Limits.PaceStep);
        await third.WaitAsync(TestTimeouts.Patience);
        _world.Engine.Cancel("a");
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_job_that_waits_for_its_speed_can_be_paused()
    {
        ScriptedWork work = _world.Begin("a", speed: 1);
        Assert.True(await work.Context!.PaceAsync(1 << 20));
        Task<bool> second = work.Context.PaceAsync(1).AsTask();
        _world.Engine.Pause("a");
        _world.Time.Advance(Limits.PaceStep);
        Assert.False(await second.WaitAsync(TestTimeouts.Patience));
        _world.Engine.Cancel("a");
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task A_job_that_waits_for_its_speed_can_be_cancelled()
    {
        ScriptedWork work = _world.Begin("a", speed: 1);
        await work.Context!.PaceAsync(1 << 20);
        Task second = work.Context.PaceAsync(1).AsTask();
        _world.Engine.Cancel("a");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(TestTimeouts.Patience));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_negative_speed_is_refused_and_changes_nothing()
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        Assert.Throws<JobException>(() => _world.Add(transaction, "a", speed: -1));
        Assert.Empty(_world.Engine.Query());
        ScriptedWork work = _world.Begin("a", speed: 7);
        Assert.Throws<JobException>(() => _world.Engine.SetSpeed("a", -1));
        Assert.Equal(7, _world.Engine.Query()[0].SpeedBytesPerSecond);
        work.Succeed();
        Assert.Equal(0, _world.ResultOf("a"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1a")]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData("#block12")]
    public void A_name_that_is_none_is_refused(string id) =>
        Assert.Contains("is no name of a job", Assert.Throws<JobException>(() => _world.Begin(id)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_name_is_taken_once_and_free_again_afterwards()
    {
        ScriptedWork work = _world.Begin("a");
        Assert.Contains("there is a job 'a' already", Assert.Throws<JobException>(() => _world.Begin("a")).Message, StringComparison.Ordinal);
        work.Succeed();
        _world.Begin("a").Succeed();
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void A_job_that_is_not_there_is_another_class_of_error() =>
        Assert.Equal(JobErrorClass.DeviceNotActive, Assert.Throws<JobException>(() => _world.Engine.Pause("a")).Class);

    [Fact]
    public void A_job_of_the_nodes_own_is_seen_by_nobody()
    {
        var work = new ScriptedWork();
        JobTransaction transaction = _world.Engine.CreateTransaction();
        _world.Engine.Create(transaction, new JobOptions { Id = null, Type = JobType.Commit }, work);
        _world.Engine.Begin(transaction);
        Assert.Empty(_world.Engine.Query());
        work.Succeed();
        Assert.Empty(_world.Told);
        Assert.Equal(["run", "prepare", "commit", "clean"], work.Calls);
        Assert.True(transaction.Ended.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task The_end_of_the_node_cancels_what_runs_what_is_paused_and_what_waits_for_somebody()
    {
        _world.Begin("runs");
        ScriptedWork paused = _world.Begin("stands");
        _world.Engine.Pause("stands");
        paused.Step();
        _world.Begin("waits", autoFinalize: false).Succeed();
        await _world.Engine.EndAsync().WaitAsync(TestTimeouts.Patience);
        Assert.All(["runs", "stands", "waits"], id => Assert.Equal(Errno.ECANCELED, _world.ResultOf(id)));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public async Task Nothing_begins_once_the_node_is_ending_and_what_was_about_to_begin_is_cancelled()
    {
        JobTransaction created = _world.Engine.CreateTransaction();
        var work = new ScriptedWork();
        _world.Engine.Create(created, new JobOptions { Id = "created", Type = JobType.Backup }, work);
        Task ending = _world.Engine.EndAsync();
        Assert.False(ending.IsCompleted);
        Assert.Contains("ending", Refusal(() => _world.Begin("late")), StringComparison.Ordinal);
        _world.Engine.Begin(created);
        await ending.WaitAsync(TestTimeouts.Patience);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("created"));
        Assert.DoesNotContain("run", work.Calls);
        _world.CheckNothingIsLeft();
    }

    private static string Refusal(Action verb)
    {
        JobException refused = Assert.Throws<JobException>(verb);
        Assert.Equal(JobErrorClass.GenericError, refused.Class);
        return refused.Message;
    }
}
