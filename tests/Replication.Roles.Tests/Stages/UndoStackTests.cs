namespace Replication.Roles.Tests.Stages;

public sealed class UndoStackTests
{
    [Fact]
    public async Task Steps_run_newest_first_and_all_of_them()
    {
        var order = new List<int>();
        var failures = new List<Exception>();
        var undo = new UndoStack();
        undo.Add(() => order.Add(1));
        undo.Add(() => throw new IOException("second"));
        undo.Add(() => order.Add(3));
        await undo.RunAsync(failures.Add);
        Assert.Equal([3, 1], order);
        Assert.Equal("second", Assert.Single(failures).Message);
    }

    [Fact]
    public async Task Nothing_runs_after_a_commit()
    {
        var undo = new UndoStack();
        undo.Add(() => Assert.Fail("undone after success"));
        undo.Commit();
        await undo.RunAsync(_ => Assert.Fail("nothing fails"));
    }
}
