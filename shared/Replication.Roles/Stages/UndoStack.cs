namespace Replication.Roles;

/// <summary>The undo steps of a verb: each step registers how to take itself back; a verb that fails runs them newest first and leaves the old state.</summary>
internal sealed class UndoStack
{
    private readonly Stack<Func<Task>> _steps = new();

    public void Add(Func<Task> step) => _steps.Push(step);

    /// <summary>The verb has succeeded: nothing is taken back any more.</summary>
    public void Commit() => _steps.Clear();

    /// <summary>Runs every step, also when one fails; failures go to <paramref name="failed"/>, since the verb's own failure is the one to report.</summary>
    public async Task RunAsync(Action<Exception> failed)
    {
        while (_steps.TryPop(out Func<Task>? step))
        {
            try
            {
                await step();
            }
            catch (Exception e) when (e is VerbException or IOException or OperationCanceledException)
            {
                failed(e);
            }
        }
    }
}
