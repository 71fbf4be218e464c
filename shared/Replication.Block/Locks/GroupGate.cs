using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Replication.Block.Locks;

/// <summary>
/// The gate of a consistency group: requests hold it shared from their first lookup to their completion; a checkpoint or a failover takes it exclusively.
/// </summary>
/// <remarks>
/// Purpose: one instant for all disks at which no request is under way. The shared side is a counter in a shard that the thread usually has to itself, so the
/// hot path takes no lock. Correct because both sides store first and look second, with a full fence between: an entrant counts itself, then reads the flag;
/// the closer sets the flag, then reads the counters. At least one of them sees the other. Who finds the gate shut uncounts itself and waits: it belongs to the
/// next epoch, and is counted again by <see cref="Open"/> before anybody can close the gate anew. Not reentrant: who holds the gate must not enter
/// again, for a closer in between would wait for the first stay and hold up the second.
/// </remarks>
public sealed class GroupGate(TimeProvider time)
{
    // Counts of the stays that entered through the shard; written with Interlocked only.
    private readonly Shard[] _shards = new Shard[Limits.GateShards];

    // Guards _closer, _waiters and every change of _shut.
    private readonly Lock _sync = new();
    private Queue<(Signal<GateTicket> Signal, int Shard)> _waiters = new();
    private Signal<bool>? _closer;

    // Written under _sync; read without it by entrants and leavers.
    private volatile bool _shut;

    /// <summary>True while somebody closes it or holds it closed.</summary>
    public bool IsShut => _shut;

    /// <summary>Enters without waiting; false where the gate is shut.</summary>
    public bool TryEnter(out GateTicket ticket)
    {
        int shard = Environment.CurrentManagedThreadId & (Limits.GateShards - 1);
        Interlocked.Increment(ref _shards[shard].Count);
        if (!_shut)
        {
            ticket = new GateTicket(shard);
            return true;
        }

        Leave(shard);
        ticket = default;
        return false;
    }

    /// <summary>Enters; waits while the gate is shut.</summary>
    public ValueTask<GateTicket> EnterAsync() => TryEnter(out GateTicket ticket) ? new ValueTask<GateTicket>(ticket) : WaitAsync();

    /// <summary>Ends a stay.</summary>
    public void Exit(GateTicket ticket)
    {
        Invariant.Check(ticket.IsHeld, "a gate ticket is given back by its holder");
        Leave(ticket.Shard);
    }

    /// <summary>
    /// Shuts the gate and waits until everybody inside has left. False: they had not by the deadline, and the gate is open again.
    /// One closer at a time; true obliges to <see cref="Open"/>.
    /// </summary>
    public ValueTask<bool> CloseAsync(TimeSpan deadline)
    {
        var closer = new Signal<bool>();
        lock (_sync)
        {
            Invariant.Check(!_shut, "a gate has one closer at a time");
            _shut = true;
            Interlocked.MemoryBarrier();
            if (IsEmpty())
                return new ValueTask<bool>(true);
            _closer = closer;
        }

        return WaitUntilEmptyAsync(closer, deadline);
    }

    /// <summary>Opens a gate that is held closed; whoever waited enters.</summary>
    public void Open()
    {
        Queue<(Signal<GateTicket> Signal, int Shard)> admitted;
        lock (_sync)
        {
            Invariant.Check(_shut && _closer is null, "a gate is opened by who closed it");
            admitted = Admit();
        }

        Resume(admitted);
    }

    private async ValueTask<bool> WaitUntilEmptyAsync(Signal<bool> closer, TimeSpan deadline)
    {
        await using ITimer timer = time.CreateTimer(_ => GiveUp(closer), null, deadline, Timeout.InfiniteTimeSpan);
        return await closer.Task;
    }

    private void GiveUp(Signal<bool> closer)
    {
        Queue<(Signal<GateTicket> Signal, int Shard)> admitted;
        lock (_sync)
        {
            if (_closer != closer)
                return;
            _closer = null;
            admitted = Admit();
        }

        Resume(admitted);
        closer.Complete(false);
    }

    // Under _sync: whoever waited is counted before anyone can shut the gate again.
    private Queue<(Signal<GateTicket> Signal, int Shard)> Admit()
    {
        _shut = false;
        Queue<(Signal<GateTicket> Signal, int Shard)> admitted = _waiters;
        _waiters = new Queue<(Signal<GateTicket> Signal, int Shard)>();
        foreach ((_, int shard) in admitted)
            Interlocked.Increment(ref _shards[shard].Count);
        return admitted;
    }

    // Outside of _sync, where a waiter's code may run at once.
    private static void Resume(Queue<(Signal<GateTicket> Signal, int Shard)> admitted)
    {
        using IoBatch.Scope batch = IoBatch.Enter();
        foreach ((Signal<GateTicket> signal, int shard) in admitted)
            signal.Complete(new GateTicket(shard));
    }

    private ValueTask<GateTicket> WaitAsync()
    {
        lock (_sync)
        {
            // Nobody can shut it while we are in here.
            if (!_shut)
            {
                Invariant.Check(TryEnter(out GateTicket ticket), "an open gate admits");
                return new ValueTask<GateTicket>(ticket);
            }

            var signal = new Signal<GateTicket>();
            _waiters.Enqueue((signal, Environment.CurrentManagedThreadId & (Limits.GateShards - 1)));
            return signal.Task;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Leave(int shard)
    {
        long left = Interlocked.Decrement(ref _shards[shard].Count);
        Invariant.Check(left >= 0, "a gate ticket is given back once");
        if (_shut)
            NoticeEmpty();
    }

    private void NoticeEmpty()
    {
        Signal<bool> closer;
        lock (_sync)
        {
            if (_closer is null || !IsEmpty())
                return;
            closer = _closer;
            _closer = null;
        }

        closer.Complete(true);
    }

    // A shard that was seen empty while the gate is shut stays empty: an entrant who counts itself later sees the flag and uncounts itself.
    private bool IsEmpty()
    {
        foreach (ref Shard shard in _shards.AsSpan())
        {
            if (Volatile.Read(ref shard.Count) != 0)
                return false;
        }

        return true;
    }

    // Two cache lines: the prefetcher fetches lines in pairs.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Shard
    {
        [FieldOffset(0)]
        public long Count;
    }
}
