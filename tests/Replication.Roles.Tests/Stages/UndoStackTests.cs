namespace Replication.Roles.Tests.Stages;

public sealed class UndoStackTests
{
    [Fact]
    public async Task Steps_run_newest_first_and_all_of_them()
    {
        var order = new List<int>();
        var failures = new List<Exception>();
        var undo = new UndoStack();
        undo.Add(() => NoteAsync(1));
        undo.Add(() => Task.FromException(new IOException("second")));
        undo.Add(() => NoteAsync(3));
        await undo.RunAsync(failures.Add);
        Assert.Equal([3, 1], order);
        Assert.Equal("second", Assert.Single(failures).Message);

        Task NoteAsync(int step)
        {
            order.Add(step);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Nothing_runs_after_a_commit()
    {
        var undo = new UndoStack();
        undo.Add(() => throw new InvalidOperationException("undone after success"));
        undo.Commit();
        await undo.RunAsync(_ => Assert.Fail("nothing fails"));
    }
}
