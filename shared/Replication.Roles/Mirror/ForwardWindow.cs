using Replication.Block;
using Replication.Block.Quorums;

namespace Replication.Roles.Mirror;

/// <summary>
/// How much unanswered payload a session may have, over all of its disks. Who finds it full waits, first
/// come first served, and gives up after the session's deadline.
/// </summary>
/// <remarks>
/// A reservation is short: taken before a write's range is locked, given back when its forward has been enqueued, which accounts for itself with
/// <see cref="Take"/> until it is answered. So nothing leaks where a filter between swallows the forward, and
/// the bound holds but for copies, whose number is their caller's to bound.
/// </remarks>
internal sealed class ForwardWindow(long limitBytes, MirrorSession session) : IForwardWindow
{
    private readonly Lock _lock = new();
    private readonly Queue<(long CostBytes, long Since, TaskCompletionSource<ForwardRoom> Room)> _waiters = new(); // guarded by _lock
    private long _usedBytes; // guarded by _lock
    private bool _unbounded; // guarded by _lock
    private bool _inVain; // guarded by _lock; somebody has given up, and nobody has found room since

    public long UsedBytes => Volatile.Read(ref _usedBytes);

    /// <summary>Since when the first in the queue has waited; null where nobody waits.</summary>
    public long? OldestWait
    {
        get
        {
            lock (_lock)
                return _waiters.TryPeek(out (long CostBytes, long Since, TaskCompletionSource<ForwardRoom> Room) first) ? first.Since : null;
        }
    }

    public static long CostOf(long payloadBytes) => Math.Max(payloadBytes, MirrorLimits.LeastCostBytes);

    public ValueTask<ForwardRoom> ReserveAsync(long payloadBytes)
    {
        long costBytes = CostOf(payloadBytes);
        lock (_lock)
        {
            if (_waiters.Count == 0 && Fits(costBytes))
            {
                _usedBytes += costBytes;
                _inVain = false;
                return new ValueTask<ForwardRoom>(new ForwardRoom(true, null));
            }

            // Where somebody has waited in vain there is no point in waiting before the peer says something; nor before
            // there is room: what it says may be about copies, which take none.
            if (_inVain || session.IsPatienceSpent)
                return default;

            var room = new TaskCompletionSource<ForwardRoom>();
            _waiters.Enqueue((costBytes, session.Clock.Now, room));
            return new ValueTask<ForwardRoom>(room.Task);
        }
    }

    /// <summary>Accounts for an enqueued forward without waiting.</summary>
    public void Take(long payloadBytes)
    {
        lock (_lock)
            _usedBytes += CostOf(payloadBytes);
    }

    public void Release(long payloadBytes)
    {
        lock (_lock)
        {
            _usedBytes -= CostOf(payloadBytes);
            Invariant.Check(_usedBytes >= 0, "room in the window is given back once");
            if (_waiters.Count == 0)
                return;
        }

        Admit();
    }

    /// <summary>Whoever asked at that moment or before goes on without room. True where somebody did.</summary>
    public bool GiveUp(long askedAt)
    {
        bool any = false;
        while (true)
        {
            (long CostBytes, long Since, TaskCompletionSource<ForwardRoom> Room) first;
            lock (_lock)
            {
                if (!_waiters.TryPeek(out first) || first.Since > askedAt)
                    break;
                _waiters.Dequeue();
                _inVain = true;
            }

            any = true;
            IoBatch.Post(() => first.Room.SetResult(new ForwardRoom(false, first.Since)));
        }

        // What is next may be small enough.
        if (any)
            Admit();
        return any;
    }

    /// <summary>The session is over: whoever waits goes on, and finds out at the link.</summary>
    public void Unbound()
    {
        lock (_lock)
            _unbounded = true;
        Admit();
    }

    private void Admit()
    {
        while (true)
        {
            (long CostBytes, long Since, TaskCompletionSource<ForwardRoom> Room) first;
            lock (_lock)
            {
                if (!_waiters.TryPeek(out first) || !Fits(first.CostBytes))
                    return;
                _waiters.Dequeue();
                _usedBytes += first.CostBytes;
                _inVain = false;
            }

            IoBatch.Post(() => first.Room.SetResult(new ForwardRoom(true, first.Since)));
        }
    }

    // A request larger than the window has it for itself.
    private bool Fits(long costBytes) => _unbounded || _usedBytes == 0 || _usedBytes + costBytes <= limitBytes;
}
