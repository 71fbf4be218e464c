namespace Replication.Jobs;

/// <summary>Tasks that several wait for.</summary>
internal static class SharedTask
{
    /// <summary>
    /// A task of the caller's own that ends with a shared one, for <see cref="Task.WhenAny(Task, Task)"/> and its kin: of a task that several of those wait for
    /// directly all but one go on in the thread pool, away from whatever scheduler their caller has.
    /// </summary>
    public static async Task OwnAsync(this Task shared) => await shared;
}
