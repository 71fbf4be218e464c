using Replication.Block;

namespace Replication.Jobs;

/// <summary>What a job does. Its life, its name and its transaction are the <see cref="JobEngine"/>'s affair.</summary>
/// <remarks>
/// In order: <see cref="RunAsync"/>; where that and the work of all others in the transaction have succeeded <see cref="PrepareAsync"/>, then
/// <see cref="CommitAsync"/>; else <see cref="AbortAsync"/>; at last <see cref="CleanAsync"/>. A job that is cancelled before it has begun is not run.
/// </remarks>
public abstract class JobWork
{
    /// <summary>Does the work; comes to a pause point often enough that a pause is noticed within a request's time.</summary>
    /// <exception cref="BlockException">It has failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public abstract Task RunAsync(JobContext context);

    /// <summary>All that can fail of making its result visible.</summary>
    /// <exception cref="BlockException">The transaction has failed.</exception>
    public virtual ValueTask PrepareAsync() => default;

    /// <summary>Makes its result visible. Cannot fail.</summary>
    public virtual ValueTask CommitAsync() => default;

    /// <summary>Takes back what it did. Cannot fail.</summary>
    public virtual ValueTask AbortAsync() => default;

    /// <summary>
    /// Whatever it still waits for outside of the node is cut off: it is to end now, one way or the other. Called on any thread, from its creation to its end;
    /// must not wait.
    /// </summary>
    public virtual void GiveUp()
    {
    }

    /// <summary>Gives up what it held. Cannot fail.</summary>
    public virtual ValueTask CleanAsync() => default;
}
