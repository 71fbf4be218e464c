using Replication.Block;
using Replication.Testing;

namespace Replication.Jobs.Tests;

/// <summary>Jobs that succeed together or not at all.</summary>
public sealed class TransactionTests
{
    private readonly JobWorld _world = new();
    private readonly JobTransaction _transaction;

    public TransactionTests() => _transaction = _world.Engine.CreateTransaction();

    [Fact]
    public void Who_has_succeeded_waits_for_the_other_and_both_end()
    {
        (ScriptedWork first, ScriptedWork second) = BeginPair();
        first.Step();
        first.Succeed();
        Assert.Equal((JobStatus.Waiting, JobStatus.Running), (_world.StatusOf("first"), _world.StatusOf("second")));
        Assert.DoesNotContain("prepare", first.Calls);
        second.Succeed();
        CheckResults(0, 0);
        Assert.Equal(["run", "prepare", "commit", "clean"], first.Calls);
        Assert.True(_transaction.Ended.IsCompletedSuccessfully);
    }

    [Fact]
    public void The_first_one_that_fails_cancels_the_other()
    {
        (ScriptedWork first, ScriptedWork second) = BeginPair();
        first.Fail(Errno.EIO);
        CheckResults(Errno.EIO, Errno.ECANCELED);
        Assert.Equal(["run", "abort", "clean"], second.Calls);
    }

    [Fact]
    public void One_that_fails_late_takes_the_success_of_the_other_back()
    {
        (ScriptedWork first, ScriptedWork second) = BeginPair();
        first.Succeed();
        second.Fail(Errno.EIO);
        CheckResults(Errno.ECANCELED, Errno.EIO);
        Assert.Equal(["run", "abort", "clean"], first.Calls);
    }

    [Theory]
    [InlineData("first")]
    [InlineData("second")]
    public void One_that_is_cancelled_cancels_both(string id)
    {
        BeginPair();
        _world.Engine.Cancel(id);
        CheckResults(Errno.ECANCELED, Errno.ECANCELED);
    }

    [Fact]
    public void One_that_waits_for_the_other_can_be_cancelled()
    {
        (ScriptedWork first, _) = BeginPair();
        first.Succeed();
        _world.Engine.Cancel("first");
        CheckResults(Errno.ECANCELED, Errno.ECANCELED);
        Assert.Equal(["run", "abort", "clean"], first.Calls);
    }

    [Fact]
    public void A_cancel_that_meets_the_end_of_the_others_work_cancels_both()
    {
        (ScriptedWork first, ScriptedWork second) = BeginPair();
        // The work does not look at its cancellation before the other one has ended.
        first.Context!.Token.Register(second.Succeed);
        _world.Engine.Cancel("first");
        CheckResults(Errno.ECANCELED, Errno.ECANCELED);
        Assert.Single(first.Calls, "clean");
        Assert.Single(second.Calls, "clean");
    }

    [Fact]
    public void One_failed_preparation_aborts_all()
    {
        var second = new ScriptedWork { PrepareFails = ScriptedWork.Error(Errno.EIO) };
        (ScriptedWork first, _) = BeginPair(second);
        first.Succeed();
        second.Succeed();
        CheckResults(Errno.ECANCELED, Errno.EIO);
        Assert.Equal(["run", "prepare", "abort", "clean"], first.Calls);
    }

    [Fact]
    public void One_that_is_not_finalised_by_itself_keeps_all_pending()
    {
        ScriptedWork first = _world.Add(_transaction, "first");
        ScriptedWork second = _world.Add(_transaction, "second", autoFinalize: false);
        _world.Engine.Begin(_transaction);
        first.Succeed();
        second.Succeed();
        Assert.Equal((JobStatus.Pending, JobStatus.Pending), (_world.StatusOf("first"), _world.StatusOf("second")));
        Assert.Equal("second: pending", _world.Told[^1]);
        _world.Engine.Finalize("first");
        CheckResults(0, 0);
    }

    [Fact]
    public void What_is_decided_cannot_be_cancelled_any_more()
    {
        var deciding = new TaskCompletionSource();
        JobTransaction transaction = _world.Engine.CreateTransaction(() => new ValueTask(deciding.Task));
        ScriptedWork work = _world.Add(transaction, "first");
        _world.Engine.Begin(transaction);
        work.Succeed();
        Assert.Contains("being finalized", Assert.Throws<JobException>(() => _world.Engine.Cancel("first")).Message, StringComparison.Ordinal);
        deciding.SetResult();
        Assert.Equal(0, _world.ResultOf("first"));
        _world.CheckNothingIsLeft();
    }

    [Theory]
    [InlineData(true, Errno.ENOSPC)]
    [InlineData(false, Errno.EIO)]
    public void A_decision_that_cannot_be_recorded_fails_the_first_and_cancels_the_rest(bool isNode, int errno)
    {
        JobTransaction transaction = _world.Engine.CreateTransaction(
            () => ValueTask.FromException(isNode ? ScriptedWork.Error(Errno.ENOSPC) : new IOException("the state directory is gone")));
        ScriptedWork[] works = [_world.Add(transaction, "first"), _world.Add(transaction, "second")];
        _world.Engine.Begin(transaction);
        Array.ForEach(works, work => work.Succeed());
        CheckResults(errno, Errno.ECANCELED);
        Assert.All(works, work => Assert.Equal(["run", "prepare", "abort", "clean"], work.Calls));
    }

    [Fact]
    public void One_that_is_created_after_another_was_cancelled_does_not_run_either()
    {
        _world.Add(_transaction, "first");
        _world.Engine.Cancel("first");
        ScriptedWork second = _world.Add(_transaction, "second");
        _world.Engine.Begin(_transaction);
        CheckResults(Errno.ECANCELED, Errno.ECANCELED);
        Assert.Equal(["abort", "clean"], second.Calls);
    }

    [Fact]
    public void A_transaction_that_is_forgotten_leaves_nothing_and_has_run_nothing()
    {
        ScriptedWork first = _world.Add(_transaction, "first");
        _world.Add(_transaction, "second");
        _world.Engine.Cancel("second");
        _world.Engine.Forget(_transaction);
        Assert.Empty(first.Calls);
        _world.CheckNothingIsLeft();
    }

    [Fact]
    public void One_that_is_cancelled_before_it_begins_never_runs()
    {
        ScriptedWork first = _world.Add(_transaction, "first");
        ScriptedWork second = _world.Add(_transaction, "second");
        _world.Engine.Cancel("first");
        _world.Engine.Begin(_transaction);
        CheckResults(Errno.ECANCELED, Errno.ECANCELED);
        Assert.Equal(["abort", "clean"], first.Calls);
        Assert.Equal(["abort", "clean"], second.Calls);
    }

    [Fact]
    public void Whatever_fails_of_many_there_is_one_culprit_and_everybody_cleans_up_once()
    {
        const int Jobs = 5;
        var random = DeterministicRandom.Create();
        for (int round = 0; round < 200; round++)
        {
            var world = new JobWorld();
            JobTransaction transaction = world.Engine.CreateTransaction();
            int culprit = random.Next(Jobs);
            bool failsInPreparation = random.Next(2) == 0;
            ScriptedWork[] works =
            [
                .. Enumerable.Range(0, Jobs).Select(number => world.Add(transaction, $"job{number}", new ScriptedWork
                {
                    PrepareFails = failsInPreparation && number == culprit ? ScriptedWork.Error(Errno.EIO) : null,
                })),
            ];
            world.Engine.Begin(transaction);
            foreach (int number in Enumerable.Range(0, Jobs).OrderBy(_ => random.Next()))
            {
                for (int steps = random.Next(3); steps > 0; steps--)
                    works[random.Next(Jobs)].Step();
                if (number == culprit && !failsInPreparation)
                    works[number].Fail(Errno.EIO);
                else
                    works[number].Succeed();
            }

            for (int number = 0; number < Jobs; number++)
            {
                Assert.Equal(number == culprit ? Errno.EIO : Errno.ECANCELED, world.ResultOf($"job{number}"));
                Assert.Equal(["abort", "clean"], works[number].Calls[^2..]);
                Assert.DoesNotContain("commit", works[number].Calls);
            }

            world.CheckNothingIsLeft();
        }
    }

    private (ScriptedWork First, ScriptedWork Second) BeginPair(ScriptedWork? second = null)
    {
        ScriptedWork first = _world.Add(_transaction, "first");
        second = _world.Add(_transaction, "second", second);
        _world.Engine.Begin(_transaction);
        return (first, second);
    }

    private void CheckResults(int first, int second)
    {
        Assert.Equal((first, second), (_world.ResultOf("first"), _world.ResultOf("second")));
        _world.CheckNothingIsLeft();
    }
}
