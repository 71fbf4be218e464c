using System.Threading.Tasks.Sources;

namespace Replication.Block.Locks;

/// <summary>
/// Locks on byte ranges of one disk, exclusive or shared, granted in order of arrival among those that overlap.
/// </summary>
/// <remarks>
/// Every entry, granted or waiting, counts the earlier entries that keep it waiting and is granted when that count reaches zero; so a waiter is never overtaken
/// by a later overlapping request, and requests that do not overlap never meet. Shared ones meet exclusive ones alone. Alignment is the caller's: the lock
/// knows bytes only. Entries are
/// found by a scan of all that are in the lock, which is meant for a few hundred. No cancellation: a caller that gives up lets the lock come and releases it.
/// Locks are taken after the group's gate and before marks are looked at; blocks of one request ascend (a range covers them in one step).
/// </remarks>
public sealed class RangeLock
{
    // Guards every list below and the entries in them.
    private readonly Lock _sync = new();
    private readonly Stack<Entry> _pool = new();
    private Entry? _first;
    private Entry? _last;
    private int _held;

    /// <summary>Locks that are held or waited for; a snapshot for status and tests.</summary>
    public int Count => Volatile.Read(ref _held);

    /// <summary>Locks the range. Completes at once where nothing earlier overlaps.</summary>
    public ValueTask<Ticket> AcquireAsync(BlockRange range) => Enter(range, Kind.Exclusive);

    /// <summary>Locks the range against exclusive locks. Completes at once where no earlier one of those overlaps.</summary>
    public ValueTask<Ticket> AcquireSharedAsync(BlockRange range) => Enter(range, Kind.Shared);

    /// <summary>
    /// Waits until every lock that overlaps the range now, held or waited for, has been released. Takes no lock and delays nobody.
    /// </summary>
    public async ValueTask WaitForOverlappingAsync(BlockRange range) => await Enter(range, Kind.Watch);

    /// <summary>Releases a lock; waiters that it blocked resume through <see cref="IoBatch.Post"/>.</summary>
    public void Release(Ticket ticket)
    {
        Entry entry = ticket.Entry;
        // Waiters are resumed outside of the lock, but in order: chained through NextGranted, which nobody else touches.
        Entry? granted = null;
        Entry? lastGranted = null;
        lock (_sync)
        {
            Invariant.Check(entry.Blockers == 0 && entry.Serial == ticket.Serial, "a range lock is released by its holder, once");
            for (Entry? later = entry.Next; later is not null;)
            {
                Entry? next = later.Next;
                if (KeepsWaiting(entry, later.Range, later.Kind) && --later.Blockers == 0)
                {
                    if (later.Kind == Kind.Watch)
                        Remove(later);
                    if (lastGranted is null)
                        granted = later;
                    else
                        lastGranted.NextGranted = later;
                    lastGranted = later;
                }

                later = next;
            }

            Remove(entry);
            Recycle(entry);
        }

        while (granted is not null)
        {
            Entry resumed = granted;
            granted = resumed.NextGranted;
            resumed.NextGranted = null;
            IoBatch.Post(resumed.Resume);
        }
    }

    private static bool KeepsWaiting(Entry earlier, BlockRange range, Kind kind) =>
        earlier.Kind != Kind.Watch && !(earlier.Kind == Kind.Shared && kind == Kind.Shared) && earlier.Range.Overlaps(range);

    private ValueTask<Ticket> Enter(BlockRange range, Kind kind)
    {
        lock (_sync)
        {
            int blockers = 0;
            for (Entry? earlier = _first; earlier is not null; earlier = earlier.Next)
            {
                if (KeepsWaiting(earlier, range, kind))
                    blockers++;
            }

            if (kind == Kind.Watch && blockers == 0)
                return default;
            if (!_pool.TryPop(out Entry? entry))
                entry = new Entry(this);
            entry.Range = range;
            entry.Kind = kind;
            entry.Blockers = blockers;
            Append(entry);
            return blockers == 0 ? new ValueTask<Ticket>(new Ticket(entry, entry.Serial)) : entry.Wait();
        }
    }

    private void Append(Entry entry)
    {
        entry.Previous = _last;
        if (_last is null)
            _first = entry;
        else
            _last.Next = entry;
        _last = entry;
        if (entry.Kind != Kind.Watch)
            _held++;
    }

    private void Remove(Entry entry)
    {
        if (entry.Previous is null)
            _first = entry.Next;
        else
            entry.Previous.Next = entry.Next;
        if (entry.Next is null)
            _last = entry.Previous;
        else
            entry.Next.Previous = entry.Previous;
        entry.Previous = entry.Next = null;
        if (entry.Kind != Kind.Watch)
            _held--;
    }

    private void Recycle(Entry entry)
    {
        entry.Serial++;
        if (_pool.Count < Limits.RangeLockPooledEntries)
            _pool.Push(entry);
    }

    internal enum Kind
    {
        Exclusive,
        Shared,

        /// <summary>Waits, holds nothing and keeps nobody waiting.</summary>
        Watch,
    }

    /// <summary>A lock that is held. Released once.</summary>
    public readonly struct Ticket
    {
        internal Ticket(Entry entry, uint serial)
        {
            Entry = entry;
            Serial = serial;
        }

        internal Entry Entry { get; }

        internal uint Serial { get; }

        /// <summary>False for the default value, which holds nothing.</summary>
        public bool IsHeld => Entry is not null;
    }

    internal sealed class Entry : IValueTaskSource<Ticket>
    {
        private readonly RangeLock _owner;
        private ManualResetValueTaskSourceCore<Ticket> _core;

        public Entry(RangeLock owner)
        {
            _owner = owner;
            Resume = () => _core.SetResult(new Ticket(this, Serial));
        }

        public BlockRange Range;
        public Kind Kind;
        public int Blockers;
        public uint Serial;
        public Entry? Previous;
        public Entry? Next;
        public Entry? NextGranted;

        public Action Resume { get; }

        public ValueTask<Ticket> Wait()
        {
            _core.Reset();
            return new ValueTask<Ticket>(this, _core.Version);
        }

        Ticket IValueTaskSource<Ticket>.GetResult(short token)
        {
            Ticket ticket = _core.GetResult(token);
            if (Kind != Kind.Watch)
                return ticket;
            lock (_owner._sync)
                _owner.Recycle(this);
            return default;
        }

        ValueTaskSourceStatus IValueTaskSource<Ticket>.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource<Ticket>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
