namespace Replication.Roles.Tests.Mirror;

internal static class FixtureTasks
{
    /// <summary>Lets the peer answer what it holds, and then expects the task to be done.</summary>
    public static async Task WithReleaseOf(this Task task, MirrorFixture fixture)
    {
        await fixture.ReleaseAllAsync();
        Assert.True(task.IsCompletedSuccessfully);
        await task;
    }
}
