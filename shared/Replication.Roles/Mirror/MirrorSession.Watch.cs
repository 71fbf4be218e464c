using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>The session's time: the peer's silence, and how long the guest has waited.</summary>
public sealed partial class MirrorSession
{
    // The session's time; written by the threads of all links, any order will do.
    private long _lastAnsweredSentAt;
    private long _guestForwardedAt = -MirrorLimits.GuestActiveFor.Ticks;

    // Only the tick's, others at most read; _ticking keeps a second one out.
    private int _ticking;
    private long _seenReplies;
    private long _silentTicks;
    private long _spentAtReplies = -1; // the number of replies when a guest request had last waited in vain
    private long _spentSince; // a timestamp: when this outage's first request had waited in vain
    private long _spentAtNow; // the same on the session's clock
    private bool _suspected;
    private long _silentSince; // a timestamp; 0 while the peer is not silent. Unlike _silentTicks it goes on while this process is frozen.

    private long _heardAt; // when it was last known to live; the tick's, and by whoever has asked it over another way

    /// <summary>A guest request that enters now waits for the peer's answer.</summary>
    internal bool GuestWaits => IsApplied && !IsPatienceSpent;

    /// <summary>
    /// A guest request has waited for the whole deadline, and there has been no reply since: nobody waits for
    /// room or for an answer before the next one (No hostage: once).
    /// </summary>
    internal bool IsPatienceSpent => Volatile.Read(ref _spentAtReplies) == Replies;

    /// <summary>How much of its deadline the guest has borne by now: the peer's silence, or the longest wait of a request that still waits.</summary>
    internal TimeSpan Borne
    {
        get
        {
            if (IsPatienceSpent)
                return Options.Deadline;
            long now = Clock.Now;
            long borne = Math.Max(Volatile.Read(ref _silentTicks), now - (Window.OldestWait ?? now));
            foreach (MirrorLink link in _links)
                borne = Math.Max(borne, link.LongestKept(now));
            return TimeSpan.FromTicks(borne);
        }
    }

    /// <summary>Since which timestamp the peer has answered nothing of what it owes a guest; null while it answers.</summary>
    internal long? SilentSince => Volatile.Read(ref _silentSince) is not 0 and long since ? since : null;

    /// <summary>
    /// Since which timestamp the guest does not wait any more, where this process has been frozen for longer than the deadline since; else null. The session's
    /// clock has stood still meanwhile, and nobody has been asked what has become of the peer.
    /// </summary>
    internal long? FrozenSince
    {
        get
        {
            long since = Volatile.Read(ref _spentSince);
            TimeSpan counted = TimeSpan.FromTicks(Clock.Now - Volatile.Read(ref _spentAtNow));
            return IsPatienceSpent && _time.GetElapsedTime(since) - counted > Options.Deadline ? since : null;
        }
    }

    /// <summary>When what was answered latest had been sent; no more than a hint while several threads write it.</summary>
    internal long LastAnsweredSentAt => Volatile.Read(ref _lastAnsweredSentAt);

    /// <summary>What copies may take of the way now. It changes from piece to piece, as the guest begins and ends to write.</summary>
    internal CopyShare CopyShare => (GuestWrites ? CopyShare.BesideGuest : CopyShare.Alone).Within(Options.WindowBytes);

    /// <summary>A guest request has been forwarded a moment ago.</summary>
    internal bool GuestWrites => Clock.Now - Volatile.Read(ref _guestForwardedAt) < MirrorLimits.GuestActiveFor.Ticks;

    /// <summary>A guest request is forwarded: copies take less from here on.</summary>
    internal void GuestForwards()
    {
        long now = Clock.Now;
        if (Volatile.Read(ref _guestForwardedAt) != now)
            Volatile.Write(ref _guestForwardedAt, now);
    }

    /// <summary>A guest request goes on although it has no answer, or no room: see <see cref="IsPatienceSpent"/>. The tick's to say.</summary>
    internal void SpendPatience()
    {
        if (!IsPatienceSpent)
        {
            Volatile.Write(ref _spentSince, _time.GetTimestamp());
            Volatile.Write(ref _spentAtNow, Clock.Now);
        }

        Volatile.Write(ref _spentAtReplies, Replies);
    }

    /// <summary>The peer lives, as it has shown by another way than this session's.</summary>
    internal void HeardElsewhere() => Volatile.Write(ref _heardAt, Clock.Now);

    /// <summary>It does not live by another way either. Nothing happens where an answer has come meanwhile.</summary>
    internal void GiveUpUnheard()
    {
        TimeSpan unheard = UnheardSince(Clock.Now);
        if (unheard >= UnheardFor)
        {
            Lose(new MirrorLoss(
                MirrorLossCause.Silent,
                $"nothing has come from the secondary for {unheard.TotalSeconds:0} s, neither what it owes nor a sign of life; "
                + "see whether it runs and the link to it is up"));
        }
    }

    private TimeSpan UnheardFor => Options.Deadline > MirrorLimits.UnheardFor ? Options.Deadline : MirrorLimits.UnheardFor;

    /// <summary>How long nothing has come from a peer that owes an answer to a flush or a question; zero where it owes none.</summary>
    private TimeSpan UnheardSince(long now)
    {
        long owedSince = now;
        foreach (MirrorLink link in _links)
            owedSince = Math.Min(owedSince, link.OwesSince(now));
        return TimeSpan.FromTicks(now - Math.Max(owedSince, Volatile.Read(ref _heardAt)));
    }

    private void Tick()
    {
        // A timer may fire again while its callback runs.
        if (Interlocked.Exchange(ref _ticking, 1) != 0)
            return;
        using (IoBatch.Enter())
        {
            long step = Clock.Advance();
            if (_loss is null)
                Watch(step);
        }

        Volatile.Write(ref _ticking, 0);
    }

    private void Watch(long step)
    {
        long replies = Replies;
        bool quiet = Volatile.Read(ref _openPieces) > 0 && replies == _seenReplies;
        long now = Clock.Now;
        if (replies != _seenReplies)
            Volatile.Write(ref _heardAt, now);
        _seenReplies = replies;
        EndOutage(now);
        Volatile.Write(ref _silentTicks, quiet ? _silentTicks + step : 0);
        Volatile.Write(ref _silentSince, !quiet ? 0 : _silentSince == 0 ? _time.GetTimestamp() : _silentSince);
        // The last tick of the deadline is for what follows: the guest has its answer within the deadline (No hostage).
        TimeSpan deadline = Options.Deadline - (2 * Clock.Tick < Options.Deadline ? Clock.Tick : Options.Deadline / 2);
        if (_silentTicks >= deadline.Ticks)
        {
            Lose(new MirrorLoss(MirrorLossCause.Silent, $"the secondary has not answered within the deadline of {Options.Deadline.TotalMilliseconds} ms"));
        }
        else if (_links.FirstOrDefault(link => link.OldestFlush(now) >= Options.FlushDeadline) is { } link)
        {
            Lose(new MirrorLoss(
                MirrorLossCause.FlushUnanswered, $"the secondary has not answered a flush for {Options.FlushDeadline.TotalSeconds} s", link.Disk));
        }
        else if (_links.FirstOrDefault(link => link.OldestOvertaken(now) >= Options.FlushDeadline) is { } hung)
        {
            Lose(new MirrorLoss(MirrorLossCause.WriteUnanswered, "the secondary has not answered a write for "
                + $"{Options.FlushDeadline.TotalSeconds} s, and answers later ones", hung.Disk));
        }
        else
        {
            Suspect(2 * _silentTicks >= deadline.Ticks);
            if (UnheardSince(now) >= UnheardFor)
                _observer.Unheard(this);
            // They go on at the end of this tick.
            if (Window.GiveUp(now - deadline.Ticks))
                SpendPatience();
            foreach (MirrorLink each in _links)
                each.ReleaseKept(now, deadline);
        }
    }

    // A flush that was waited for in vain and answered later is no write's reply. Once nothing is owed the guest has borne nothing of the next outage, which
    // may come hours later: its loss is asked about before anything is acknowledged (Fence).
    private void EndOutage(long now)
    {
        if (_spentAtReplies >= 0 && Volatile.Read(ref _openPieces) == 0 && _links.All(link => link.OwesSince(now) == now))
            Volatile.Write(ref _spentAtReplies, -1);
    }

    private void Suspect(bool suspicious)
    {
        if (suspicious && !_suspected)
            _observer.Suspicious(this);
        _suspected = suspicious;
    }
}
