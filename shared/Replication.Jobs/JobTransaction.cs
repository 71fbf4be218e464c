namespace Replication.Jobs;

/// <summary>Jobs that succeed together or not at all. A lone job is a transaction of one.</summary>
/// <remarks>Guarded by the engine's lock.</remarks>
public sealed class JobTransaction
{
    private readonly TaskCompletionSource _ended = new();

    /// <param name="decide">
    /// Called when all have been prepared: what it makes durable says, also after a kill, that all are finalised; what it throws fails the transaction.
    /// </param>
    internal JobTransaction(Func<ValueTask>? decide) => Decide = decide;

    /// <summary>Completes when all of its jobs have been concluded.</summary>
    public Task Ended => _ended.Task;

    internal List<Job> Jobs { get; } = [];
    internal Func<ValueTask>? Decide { get; }
    internal bool HasBegun { get; set; }

    /// <summary>One job of the node's own, whose end is its caller's next step: <see cref="JobEngine.RunOwnAsync"/>.</summary>
    internal bool IsOwn { get; init; }

    /// <summary>A job has failed or been cancelled: none succeeds.</summary>
    internal bool HasFailed { get; set; }

    /// <summary>It has failed or been cancelled: what it waits for is given up in time.</summary>
    internal bool IsToEnd { get; set; }

    /// <summary>Its end is under way: nothing is asked for any more.</summary>
    internal bool IsFinalizing { get; set; }

    /// <summary>All will succeed, whatever comes.</summary>
    internal bool IsDecided { get; set; }

    internal bool AllHaveEnded => Jobs.TrueForAll(job => job.HasEnded);

    internal void Over() => _ended.SetResult();
}
