using System.Threading.Tasks.Sources;

namespace Replication.Block;

/// <summary>One blocking call for <see cref="BlockingWorkers"/>, awaited exactly once through its own task source.</summary>
internal abstract class BlockingJob : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core; // continuations run on the worker

    protected ValueTask Start(BlockingWorkers workers)
    {
        // Token and task are taken before a worker can see the job.
        var task = new ValueTask(this, _core.Version);
        workers.Enqueue(this);
        return task;
    }

    internal void RunAndComplete()
    {
        BlockException? error;
        try
        {
            error = Run();
        }
        catch (ObjectDisposedException e)
        {
            error = Closed(e);
        }

        if (error is null)
            _core.SetResult(true);
        else
            _core.SetException(error);
    }

    /// <summary>The call; null for success.</summary>
    protected abstract BlockException? Run();

    /// <summary>The error of a job whose file was closed before its turn came.</summary>
    protected abstract BlockException Closed(ObjectDisposedException cause);

    /// <summary>The result has been taken: the job may be used again.</summary>
    protected abstract void Recycle();

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            Recycle();
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
