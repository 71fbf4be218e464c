using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>Barriers: waiting for what was enqueued before, and for nothing that comes later.</summary>
public sealed partial class MirrorLink
{
    /// <summary>
    /// Waits until every forward, copies included, that overlaps the range and was enqueued before has been answered. A forward that fails ends the session
    /// first: who waited here looks at <see cref="MirrorSession.Loss"/> afterwards.
    /// </summary>
    public Task WaitForAnswersAsync(BlockRange range)
    {
        var barrier = new AnswerBarrier(range);
        lock (_sync)
        {
            barrier.Serial = _enqueued;
            foreach (Forward forward in _open)
            {
                if (forward.Range.Overlaps(range))
                    barrier.Remaining++;
            }

            if (barrier.Remaining == 0)
                return Task.CompletedTask;
            _barriers.Add(barrier);
        }

        return barrier.Passed.Task;
    }

    private List<AnswerBarrier>? Close(Forward forward)
    {
        lock (_sync)
            return CloseUnderLock(forward);
    }

    // The forward is answered, or never will be. Returns the barriers that it was the last one for.
    private List<AnswerBarrier>? CloseUnderLock(Forward forward)
    {
        _open.Remove(forward.Open);
        if (forward.IsReleased)
            _released--;
        List<AnswerBarrier>? passed = null;
        for (int i = _barriers.Count - 1; i >= 0; i--)
        {
            AnswerBarrier barrier = _barriers[i];
            if (forward.Serial >= barrier.Serial || !forward.Range.Overlaps(barrier.Range) || --barrier.Remaining > 0)
                continue;
            _barriers.RemoveAt(i);
            (passed ??= []).Add(barrier);
        }

        return passed;
    }

    private static void Pass(List<AnswerBarrier>? passed)
    {
        if (passed is null)
            return;
        foreach (AnswerBarrier barrier in passed)
            IoBatch.Post(barrier.Passed.SetResult);
    }
}
