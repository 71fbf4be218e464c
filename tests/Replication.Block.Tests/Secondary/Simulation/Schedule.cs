namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>Decides, from a seed, which of the operations under way is done next. Everything runs on the test's thread.</summary>
internal sealed class Schedule(Random random)
{
    private readonly List<Action> _pending = [];

    /// <summary>One operation in so many fails, before or after it took effect; 0: none does.</summary>
    public int FailOneIn { get; set; }

    /// <summary>Operations are done at once, and never fail: for looking at the outcome.</summary>
    public bool Immediate { get; set; }

    public int Pending => _pending.Count;

    /// <summary>Does one pending operation; false where there is none.</summary>
    public bool Step()
    {
        if (_pending.Count == 0)
            return false;
        int index = random.Next(_pending.Count);
        Action operation = _pending[index];
        _pending.RemoveAt(index);
        // As on a connection's thread: who is released runs once the operation's own continuation has ended.
        using (IoBatch.Enter())
            operation();
        return true;
    }

    /// <summary>Work that is done when its turn comes.</summary>
    public void Add(Action work) => _pending.Add(work);

    public ValueTask Run(Func<ValueTask> apply, Func<BlockException>? failure)
    {
        if (Immediate || random.Next(4) == 0)
            return apply();
        var done = new TaskCompletionSource();
        _pending.Add(() => _ = FinishAsync(apply, failure, done));
        return new ValueTask(done.Task);
    }

    private async Task FinishAsync(Func<ValueTask> apply, Func<BlockException>? failure, TaskCompletionSource done)
    {
        bool fails = failure is not null && FailOneIn > 0 && random.Next(FailOneIn) == 0;
        try
        {
            if (!fails || random.Next(2) == 0)
                await apply();
        }
        catch (BlockException e)
        {
            done.SetException(e);
            return;
        }

        if (fails)
            done.SetException(failure!());
        else
            done.SetResult();
    }
}
