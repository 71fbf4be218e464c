using System.Buffers;
using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// One attach of this primary to its secondary: the links of all disks, their common window, what was answered, and the one reason for which it ends.
/// </summary>
/// <remarks>
/// A session never resends and never comes back: whatever ends one connection, or leaves the two disks different, ends it for every disk (Whole, Fence). It
/// ends in one order, whoever finds the reason: the first reason is kept; the observer is told; only then do pending forwards fail, so that no guest write is
/// acknowledged before the role has had its say; then the connections are aborted, without waiting for the peer (No hostage).
/// Silence is measured by a clock of ticks: no reply to a write or zeroing for the deadline while some are unanswered. A peer that owes only flushes is not
/// silent, and the answer to a flush says nothing of its writes.
/// </remarks>
public sealed partial class MirrorSession : IAsyncDisposable
{
    private readonly IMirrorSessionObserver _observer;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly List<TaskCompletionSource<DrainResult>> _drains = []; // guarded by _lock
    private volatile MirrorLink[] _links = []; // replaced as a whole, under _lock
    private volatile MirrorLoss? _loss; // set once, Interlocked
    private bool _failed; // guarded by _lock: links that are added now fail at once
    private volatile bool _draining; // written under _lock

    // Written with Interlocked by the threads of all links.
    private long _openForwards;
    private long _openPieces;
    private long _answered;

    public MirrorSession(Guid token, MirrorSessionOptions options, IMirrorSessionObserver observer, TimeProvider time, ArrayPool<byte>? pool = null)
    {
        Token = token;
        Options = options;
        _observer = observer;
        _time = time;
        Pool = pool ?? new PayloadPool(MirrorLimits.PooledPayloadBytes);
        TimeSpan tick = options.Deadline / MirrorLimits.TicksPerDeadline;
        if (tick < MirrorLimits.LeastTick)
            tick = MirrorLimits.LeastTick;
        Clock = new SessionClock(time, tick);
        Window = new ForwardWindow(options.WindowBytes, this);
        _timer = time.CreateTimer(static session => ((MirrorSession)session!).Tick(), this, tick, tick);
    }

    public Guid Token { get; }

    public MirrorSessionOptions Options { get; }

    /// <summary>Why it ended; null while it lives.</summary>
    public MirrorLoss? Loss => _loss;

    /// <summary>Writes and zeroing that the peer has answered, as they were on the wire.</summary>
    public ulong AnsweredWrites => (ulong)Volatile.Read(ref _answered);

    /// <summary>Forwards, copies included, that are not wholly answered.</summary>
    public long UnansweredForwards => Volatile.Read(ref _openForwards);

    /// <summary>What they count in the window.</summary>
    public long UnansweredBytes => Window.UsedBytes;

    internal SessionClock Clock { get; }

    internal ForwardWindow Window { get; }

    internal ArrayPool<byte> Pool { get; }

    internal bool IsApplied => Options.Acknowledge == Acknowledge.Applied;

    /// <summary><see cref="AnsweredWrites"/> as a moment in the session's life.</summary>
    internal long Replies => Volatile.Read(ref _answered);

    /// <summary>Takes a connection into the session; its end is the session's. The connection stays the caller's to dispose.</summary>
    public MirrorLink AddLink(string disk, IMirrorConnection connection)
    {
        var link = new MirrorLink(this, disk, connection);
        bool failed;
        lock (_lock)
        {
            failed = _failed;
            if (!failed)
                _links = [.. _links, link];
        }

        if (failed)
            link.Fail(Loss!.Message);
        else
            connection.OnLost(reason => Lose(new MirrorLoss(MirrorLossCause.ConnectionLost, reason, disk)));
        return link;
    }

    /// <summary>Ends the session for that reason, unless it has ended already. Does not wait for the peer.</summary>
    public void Lose(MirrorLoss loss)
    {
        if (Interlocked.CompareExchange(ref _loss, loss, null) is not null)
            return;
        if (loss.Cause != MirrorLossCause.Ended)
            _observer.Lost(this, loss);
        FailAll(loss.Message);
    }

    /// <summary>Ends it in order: the observer is not told, what is pending fails. Drain it before where nothing may be lost.</summary>
    public void End() => Lose(new MirrorLoss(MirrorLossCause.Ended, "the session was ended"));

    /// <summary>
    /// Waits until no write or zeroing is unanswered, flushes aside. New ones are the caller's to hold off;
    /// without a hold it is the first moment at which there are none.
    /// </summary>
    public async Task<DrainResult> DrainAsync(TimeSpan deadline)
    {
        var drained = new TaskCompletionSource<DrainResult>();
        lock (_lock)
        {
            if (_loss is not null)
                return DrainResult.Lost;
            _drains.Add(drained);
            _draining = true;
        }

        // Whoever ends the last forward looks at _draining after its count; we set it before we look at the count.
        Interlocked.MemoryBarrier();
        if (UnansweredForwards == 0)
            EndDrains(DrainResult.Drained);
        if (_loss is not null)
            EndDrains(DrainResult.Lost);
        await using ITimer timer = _time.CreateTimer(_ => GiveUp(drained), null, deadline, Timeout.InfiniteTimeSpan);
        return await drained.Task;
    }

    public async ValueTask DisposeAsync()
    {
        End();
        await _timer.DisposeAsync();
    }

    internal void ForwardBegins(Forward forward)
    {
        Interlocked.Increment(ref _openForwards);
        Window.Take(forward.PayloadBytes);
    }

    internal void ForwardEnds(long payloadBytes)
    {
        Window.Release(payloadBytes);
        if (Interlocked.Decrement(ref _openForwards) == 0 && _draining)
            EndDrains(DrainResult.Drained);
    }

    /// <summary>The peer has answered what was sent at that time.</summary>
    internal void Answered(long sentAt)
    {
        if (sentAt > LastAnsweredSentAt)
            Volatile.Write(ref _lastAnsweredSentAt, sentAt);
    }

    internal void PieceBegins() => Interlocked.Increment(ref _openPieces);

    /// <summary>Counted before the range is released and the forward ends: when nothing is unanswered, the count is complete.</summary>
    internal void PieceEnds(bool answered)
    {
        if (answered)
            Interlocked.Increment(ref _answered);
        Interlocked.Decrement(ref _openPieces);
    }

    private void FailAll(string reason)
    {
        MirrorLink[] links;
        lock (_lock)
        {
            _failed = true;
            links = _links;
        }

        using IoBatch.Scope batch = IoBatch.Enter();
        _timer.Dispose();
        EndDrains(DrainResult.Lost);
        foreach (MirrorLink link in links)
            link.Fail(reason);
        Window.Unbound();
    }

    private void EndDrains(DrainResult result)
    {
        List<TaskCompletionSource<DrainResult>> drains;
        lock (_lock)
        {
            drains = [.. _drains];
            _drains.Clear();
            _draining = false;
        }

        foreach (TaskCompletionSource<DrainResult> drain in drains)
            IoBatch.Post(() => drain.SetResult(result));
    }

    private void GiveUp(TaskCompletionSource<DrainResult> drain)
    {
        lock (_lock)
        {
            if (!_drains.Remove(drain))
                return;
            _draining = _drains.Count > 0;
        }

        drain.SetResult(DrainResult.TimedOut);
    }
}
