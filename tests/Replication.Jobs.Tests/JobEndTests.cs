using Replication.Block;

namespace Replication.Jobs.Tests;

/// <summary>The node's end, and jobs that wait for something that does not answer.</summary>
public sealed class JobEndTests
{
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(1);

    private readonly JobWorld _world = new();

    [Fact]
    public void Whatever_a_job_is_doing_the_nodes_end_cancels_it()
    {
        _world.Begin("running");
        _world.Begin("paused");
        _world.Engine.Pause("paused");
        _world.Begin("ready", new ScriptedWork { BecomesReady = true });
        _world.Begin("pending", autoFinalize: false).Succeed();
        _world.Begin("concluded", autoDismiss: false).Succeed();
        Assert.True(_world.Engine.EndAsync().IsCompletedSuccessfully);
        Assert.All(["running", "paused", "ready", "pending"], id => Assert.Equal(Errno.ECANCELED, _world.ResultOf(id)));
        Assert.Equal(0, _world.ResultOf("concluded"));
        Assert.Same(_world.Engine.EndAsync(), _world.Engine.EndAsync());
    }

    [Fact]
    public void Behind_the_nodes_end_nothing_is_created_and_what_was_about_to_begin_is_cancelled()
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        ScriptedWork work = _world.Add(transaction, "late");
        Task ended = _world.Engine.EndAsync();
        Assert.False(ended.IsCompleted);
        Assert.Contains("the node is ending", Assert.Throws<JobException>(() => _world.Begin("later")).Message, StringComparison.Ordinal);
        _world.Engine.Begin(transaction);
        Assert.True(ended.IsCompletedSuccessfully);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("late"));
        Assert.Equal(["abort", "clean"], work.Calls);
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_does_not_end_within_the_nodes_patience_is_given_up(bool atItsEnd)
    {
        DeafWork work = Begin(atItsEnd);
        Task ended = _world.Engine.EndAsync();
        _world.Time.Advance(Limits.EndPatience - s_moment);
        Assert.False(work.IsGivenUp || ended.IsCompleted);
        _world.Time.Advance(s_moment);
        Assert.True(work.IsGivenUp && ended.IsCompletedSuccessfully);
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("deaf"));
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_cancelled_job_is_given_up_after_a_while_and_only_that_one(bool atItsEnd)
    {
        DeafWork other = Begin(atItsEnd, "other");
        DeafWork work = Begin(atItsEnd);
        _world.Engine.Cancel("deaf");
        _world.Time.Advance(Limits.CancelPatience - s_moment);
        Assert.False(work.IsGivenUp);
        _world.Time.Advance(s_moment);
        Assert.True(work.IsGivenUp);
        Assert.False(other.IsGivenUp);
        Assert.Contains("deaf: cancelled", _world.Told);
        other.GiveUp();
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void Where_one_of_a_group_has_failed_another_that_hangs_is_given_up_after_a_while()
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        var deaf = new DeafWork();
        var failing = new ScriptedWork();
        _world.Engine.Create(transaction, new JobOptions { Id = "deaf", Type = JobType.Backup }, deaf);
        _world.Add(transaction, "failing", failing);
        _world.Engine.Begin(transaction);
        failing.Fail(Errno.EIO);
        _world.Time.Advance(Limits.CancelPatience - s_moment);
        Assert.False(deaf.IsGivenUp);
        _world.Time.Advance(s_moment);
        Assert.True(deaf.IsGivenUp);
        Assert.Equal((Errno.ECANCELED, Errno.EIO), (_world.ResultOf("deaf"), _world.ResultOf("failing")));
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void One_that_heeds_its_cancellation_is_not_given_up_later()
    {
        _world.Begin("quick");
        _world.Engine.Cancel("quick");
        Assert.Equal(Errno.ECANCELED, _world.ResultOf("quick"));
        _world.CheckNothingIsLeft();
        DeafWork next = Begin(atItsEnd: false, "quick");
        _world.Time.Advance(Limits.CancelPatience);
        Assert.False(next.IsGivenUp);
        next.GiveUp();
        _world.CheckNothingIsLeft();
    }

    private DeafWork Begin(bool atItsEnd, string id = "deaf")
    {
        JobTransaction transaction = _world.Engine.CreateTransaction();
        var work = new DeafWork(atItsEnd);
        _world.Engine.Create(transaction, new JobOptions { Id = id, Type = JobType.Backup }, work);
        _world.Engine.Begin(transaction);
        return work;
    }
}
