using Replication.Block;

namespace Replication.Jobs;

/// <summary>What the work of a job sees of its life. Concurrent, except that one caller at a time comes to a pause point.</summary>
public sealed class JobContext
{
    private readonly JobEngine _engine;
    private readonly Job _job;

    internal JobContext(JobEngine engine, Job job) => (_engine, _job) = (engine, job);

    /// <summary>Cancelled when the job is.</summary>
    public CancellationToken Token => _job.Cancellation.Token;

    /// <summary>Stands still while the job is paused. Nothing of it may be in flight.</summary>
    /// <exception cref="OperationCanceledException">The job is cancelled.</exception>
    public ValueTask PausePointAsync() => _engine.PausePointAsync(_job);

    /// <summary>The job is to stand still, or is cancelled: who has something in flight ends it and comes to a pause point.</summary>
    public bool IsToPause => _engine.IsToPause(_job);

    /// <summary>Rests, standing still where the job is paused, until it is cancelled.</summary>
    /// <exception cref="OperationCanceledException">The job is cancelled.</exception>
    public Task RestAsync() => _engine.RestAsync(_job);

    /// <summary>Rests, standing still where the job is paused, until it is over.</summary>
    /// <param name="isOver">Looked at again at each <see cref="Wake"/>, under the engine's lock: it asks the engine nothing.</param>
    /// <exception cref="OperationCanceledException">The job is cancelled.</exception>
    public Task RestAsync(Func<bool> isOver) => _engine.RestAsync(_job, isOver);

    /// <summary>Who rests looks whether it is over.</summary>
    public void Wake() => _engine.WakeUp(_job);

    /// <summary>The same, for callers in whose flow nothing of the job may run, such as a guest's write.</summary>
    public void WakeApart() => _engine.WakeUpApart(_job);

    /// <summary>Waits until the speed lets so many bytes through.</summary>
    /// <param name="lengthBytes">What is to be copied.</param>
    /// <param name="stillWanted">Called now and then while it waits; what it throws ends the wait.</param>
    /// <returns>False: the job is to stand still first, and nothing was let through.</returns>
    /// <exception cref="OperationCanceledException">The job is cancelled.</exception>
    public ValueTask<bool> PaceAsync(long lengthBytes, Action? stillWanted = null) => _engine.PaceAsync(_job, lengthBytes, stillWanted);

    /// <summary>What is done of what there is to do; also when the job is over.</summary>
    public (long DoneBytes, long TotalBytes) Progress => _job.Progress;

    /// <summary>So much more is done.</summary>
    public void Advance(long lengthBytes) => _job.Advance(lengthBytes);

    /// <summary>There is so much more to do.</summary>
    public void Grow(long lengthBytes) => _job.Grow(lengthBytes);

    /// <summary>A copy has failed: tells of it, and pauses the job where that is the policy. The caller acts on the answer.</summary>
    public ErrorAction TakeError(ErrorPolicy policy, BlockOperation operation, int errno) => _engine.TakeError(_job, policy, operation, errno);

    /// <summary>The work is done and is kept done from now on; completes when it is to end: at once where that is the job's option.</summary>
    /// <exception cref="OperationCanceledException">The job is cancelled.</exception>
    public Task ReadyAsync() => _engine.ReadyAsync(_job);
}
