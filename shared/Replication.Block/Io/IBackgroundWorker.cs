using Replication.Block.Locks;

namespace Replication.Block;

/// <summary>Where work runs that no request waits for: giving overlays back, making the next ones, the commit.</summary>
/// <remarks>One piece after the other, in order of arrival; a simulator runs the pieces when its scheduler says. A piece of work handles its own failures.
/// Disposed by who started it, when nothing is posted any more; what was posted before still runs.</remarks>
public interface IBackgroundWorker : IDisposable
{
    void Post(Func<ValueTask> work);

    /// <summary>A worker that has nothing of its own to end.</summary>
    void IDisposable.Dispose() => GC.SuppressFinalize(this);
}

/// <summary>Turns of a long piece of work.</summary>
public static class BackgroundWorkerExtensions
{
    /// <summary>Lets everything run that was posted before, then goes on on the worker.</summary>
    public static async ValueTask TurnAsync(this IBackgroundWorker worker)
    {
        var turn = new Signal<bool>();
        worker.Post(() =>
        {
            turn.Complete(true);
            return default;
        });
        await turn.Task;
    }
}
