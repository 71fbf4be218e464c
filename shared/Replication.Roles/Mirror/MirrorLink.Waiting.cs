using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>Flushes, deadlines, and the end: whoever waits, and how long.</summary>
public sealed partial class MirrorLink
{
    protected override ValueTask FlushCore()
    {
        // In `local` a guest's flush is about its own disk; the secondary's comes with the checkpoint.
        if (!_session.IsApplied)
            return default;
        bool waits = _session.GuestWaits;
        var flush = new ForwardedFlush(_session.Clock.Now);
        lock (_sync)
        {
            if (_failed)
                return ValueTask.FromException(Over(BlockOperation.Flush, default));
            waits &= !IsPatienceSpent;
            flush.GuestWaits = waits;
            _flushes.Add(flush);
        }

        _ = ForwardAsync(flush);
        return waits ? new ValueTask(flush.Guest) : default;
    }

    /// <summary>Releases guest requests that were kept for the deadline although replies came. Called at each tick, by the timer.</summary>
    internal void ReleaseKept(long now, TimeSpan deadline)
    {
        List<Forward>? kept = null;
        List<ForwardedFlush>? flushes = null;
        lock (_sync)
        {
            long replies = _session.Replies;
            for (LinkedListNode<Forward>? node = _waiting.First; node is not null && now - node.Value.EnteredAt >= deadline.Ticks;)
            {
                Forward forward = node.Value;
                node = node.Next;
                // Without a reply since then the session is silent, which is not this write's to settle.
                if (forward.IsCopy || forward.RepliesThen == replies)
                    continue;
                _waiting.Remove(forward.Waiting);
                forward.IsReleased = true;
                _released++;
                (kept ??= []).Add(forward);
            }

            if (kept is not null)
            {
                _spentAtAnswers = _answers;
                ReleaseBehind(kept);
            }

            foreach (ForwardedFlush flush in _flushes)
            {
                if (now - flush.SentAt < deadline.Ticks)
                    break;
                if (flush.GuestWaits)
                    (flushes ??= []).Add(flush);
                flush.GuestWaits = false;
            }
        }

        // Before the guest can send its next request. One that has waited for a flush in vain would else wait for the write that follows, too.
        if (kept is not null || flushes is not null)
            _session.SpendPatience();
        foreach (Forward forward in kept ?? [])
            forward.Settle(null);
        foreach (ForwardedFlush flush in flushes ?? [])
            flush.Settle(null);
    }

    public void CountFrom(BlockRange range, long askedAt)
    {
        lock (_sync)
        {
            LinkedListNode<Forward>? node = _waiting.Last;
            while (node is not null && (node.Value.IsCopy || node.Value.Range != range))
                node = node.Previous;
            // It may have been answered already.
            if (node is null)
                return;
            node.Value.CountFrom(askedAt);
            LinkedListNode<Forward>? before = node.Previous;
            while (before is not null && before.Value.EnteredAt > askedAt)
                before = before.Previous;
            _waiting.Remove(node);
            if (before is null)
                _waiting.AddFirst(node);
            else
                _waiting.AddAfter(before, node);
        }
    }

    /// <summary>How long a guest request has been kept that still waits.</summary>
    internal long LongestKept(long now)
    {
        lock (_sync)
        {
            long since = _waiting.FirstOrDefault(forward => !forward.IsCopy)?.EnteredAt ?? now;
            return now - Math.Min(since, _flushes.FirstOrDefault(flush => flush.GuestWaits)?.SentAt ?? now);
        }
    }

    // Under _sync. A write to this disk was released, and the peer has answered none of this disk since: the next one does
    // not wait for the same disk again, however alive the others are (No hostage: once).
    private bool IsPatienceSpent => _spentAtAnswers == _answers;

    // Under _sync. Whoever is behind a request that was released, or behind one that is behind it, waits for that answer too, and the guest has waited for it.
    private void ReleaseBehind(List<Forward> kept)
    {
        var released = new List<BlockRange>();
        foreach (Forward forward in _open)
        {
            if (!forward.IsReleased && !forward.IsCopy && released.Exists(range => range.Overlaps(forward.Range)))
            {
                forward.IsReleased = true;
                _released++;
                if (forward.Waiting.List is not null)
                {
                    _waiting.Remove(forward.Waiting);
                    kept.Add(forward);
                }
            }

            if (forward.IsReleased)
                released.Add(forward.Range);
        }
    }

    // Under _sync. What overlaps a released request waits for its answer on the wire, and the guest has waited for that once.
    private bool IsBehindReleased(BlockRange range)
    {
        if (_released == 0)
            return false;
        foreach (Forward forward in _open)
        {
            if (forward.IsReleased && forward.Range.Overlaps(range))
                return true;
        }

        return false;
    }

    /// <summary>
    /// How long the oldest write or zeroing has been unanswered that the peer owes although it has
    /// answered one, of whichever disk, that was sent a deadline later.
    /// </summary>
    internal TimeSpan OldestOvertaken(long now)
    {
        long before = _session.LastAnsweredSentAt - _session.Options.Deadline.Ticks;
        long oldest = now;
        lock (_sync)
        {
            foreach (ForwardPiece piece in _pieces)
            {
                if (piece.SentAt is >= 0 and long sentAt && sentAt <= before)
                    oldest = Math.Min(oldest, sentAt);
            }
        }

        return TimeSpan.FromTicks(now - oldest);
    }

    /// <summary>Since when the peer owes an answer to a flush or a question; <paramref name="now"/> where it owes none.</summary>
    internal long OwesSince(long now)
    {
        lock (_sync)
            return Math.Min(_flushes.Count == 0 ? now : _flushes[0].SentAt, _askedAt.First?.Value ?? now);
    }

    /// <summary>How long the oldest forwarded flush has been unanswered.</summary>
    internal TimeSpan OldestFlush(long now)
    {
        lock (_sync)
            return _flushes.Count == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(now - _flushes[0].SentAt);
    }

    /// <summary>The session is over and the role knows: everybody who waits is released, and what was not sent never will be.</summary>
    internal void Fail(string reason)
    {
        List<(Forward Forward, BlockException? Failure)> waiting;
        List<Forward> dropped = [];
        List<ForwardedFlush> flushes;
        lock (_sync)
        {
            _failed = true;
            waiting = [.. _waiting.Select(forward => (forward, forward.Failure))];
            _waiting.Clear();
            foreach (Forward forward in _backlog)
            {
                forward.NextOffsetBytes = forward.Range.EndBytes;
                if (forward.IsFinished)
                    dropped.Add(forward);
            }

            _backlog.Clear();
            flushes = [.. _flushes.Where(flush => flush.GuestWaits)];
            _flushes.Clear();
        }

        foreach (Forward forward in dropped)
        {
            Pass(Close(forward));
            End(forward);
            forward.ReleaseReference();
        }

        foreach ((Forward forward, BlockException? failure) in waiting)
            forward.Settle(failure ?? Over(BlockOperation.Write, forward.Range));
        foreach (ForwardedFlush flush in flushes)
            flush.Settle(Over(BlockOperation.Flush, default));
        _connection.Abort(reason);
    }

    /// <summary>
    /// Flushes the peer's disk in no guest's name, in either acknowledgement mode; the session's watch bounds it. False: it failed, and the session is lost.
    /// </summary>
    public async Task<bool> FlushPeerAsync()
    {
        var flush = new ForwardedFlush(_session.Clock.Now) { GuestWaits = false };
        lock (_sync)
        {
            if (_failed)
                return false;
            _flushes.Add(flush);
        }

        return await ForwardAsync(flush);
    }

    private async Task<bool> ForwardAsync(ForwardedFlush flush)
    {
        BlockException? failure = null;
        try
        {
            await Peer.FlushAsync();
        }
        catch (BlockException e)
        {
            failure = e;
        }

        // What the peer could not flush it may have lost.
        if (failure is not null)
        {
            _session.Lose(LossOf(failure, default));
            return false;
        }

        bool known;
        bool settle;
        lock (_sync)
        {
            known = _flushes.Remove(flush);
            settle = known && flush.GuestWaits;
        }

        if (settle)
            flush.Settle(null);
        return known;
    }
}
