using Replication.Block.Locks;

namespace Replication.Block.Quorums;

/// <summary>
/// Whether the guest's requests may begin, and whether its writes may be acknowledged, for all disks of a group at once.
/// </summary>
/// <remarks>
/// Purpose: the role decides, the data path obeys with one volatile read. A request asks when it begins, and a write once more before its acknowledgement: so
/// what the role sets here holds before the next acknowledgement (Fence, and the record detached before anything unmirrored is acknowledged). Holds are counted
/// by their owners: a checkpoint's lease that runs out cannot end the hold of a lost session. A refusal outweighs every hold, and whoever waits then fails.
/// A write that began before a hold was taken may still be on its way to the mirror; who needs it there takes the hold first and then passes the group gate
/// exclusively, for writes ask here after they have entered the gate.
/// </remarks>
public sealed class GuestAdmission
{
    private const int RefuseWritesFlag = 8;
    private const int RefuseReadsFlag = 16;

    private readonly Lock _lock = new();
    private readonly List<AdmissionHold> _holds = []; // guarded by _lock
    private List<Signal<bool>> _waiters = []; // guarded by _lock
    private string? _refusal; // guarded by _lock
    private volatile int _flags; // written under _lock

    public bool AdmitsWrites => (_flags & ((int)GuestHold.Writes | RefuseWritesFlag)) == 0;

    public bool AdmitsReads => (_flags & ((int)GuestHold.Reads | RefuseReadsFlag)) == 0;

    public bool AdmitsAcknowledgements => (_flags & ((int)GuestHold.Acknowledgements | RefuseWritesFlag)) == 0;

    /// <summary>Lets requests wait until the hold is released.</summary>
    public AdmissionHold Hold(GuestHold scope)
    {
        var hold = new AdmissionHold(this, scope);
        lock (_lock)
        {
            _holds.Add(hold);
            _flags |= (int)scope;
        }

        return hold;
    }

    /// <summary>Fails writes, flushes and their pending acknowledgements with EIO; <paramref name="reason"/> says why.</summary>
    public void RefuseWrites(string reason) => SetRefusal(RefuseWritesFlag, reason);

    /// <summary>Fails everything with EIO.</summary>
    public void RefuseAll(string reason) => SetRefusal(RefuseWritesFlag | RefuseReadsFlag, reason);

    /// <summary>Ends a refusal; holds stay.</summary>
    public void Readmit() => SetRefusal(0, null);

    /// <summary>Completes when a write may begin. The caller asks again once it is where it must not be held.</summary>
    internal ValueTask AdmitWriteAsync(string node, BlockOperation operation, BlockRange range) =>
        AdmitsWrites ? default : WaitAsync((int)GuestHold.Writes, RefuseWritesFlag, node, operation, range);

    internal ValueTask AdmitReadAsync(string node, BlockOperation operation, BlockRange range) =>
        AdmitsReads ? default : WaitAsync((int)GuestHold.Reads, RefuseReadsFlag, node, operation, range);

    /// <summary>A flush is held as a read is, for it changes nothing, and refused as a write is, for it promises that writes are safe.</summary>
    internal ValueTask AdmitFlushAsync(string node) =>
        (_flags & ((int)GuestHold.Reads | RefuseWritesFlag)) == 0
            ? default
            : WaitAsync((int)GuestHold.Reads, RefuseWritesFlag, node, BlockOperation.Flush, default);

    /// <summary>Completes when what has been done may be acknowledged.</summary>
    internal ValueTask AcknowledgeAsync(string node, BlockOperation operation, BlockRange range) =>
        AdmitsAcknowledgements ? default : WaitAsync((int)GuestHold.Acknowledgements, RefuseWritesFlag, node, operation, range);

    internal void Release(AdmissionHold hold)
    {
        lock (_lock)
        {
            _holds.Remove(hold);
            int held = 0;
            foreach (AdmissionHold other in _holds)
                held |= (int)other.Scope;
            _flags = (_flags & ~(int)GuestHold.All) | held;
        }

        Resume();
    }

    private void SetRefusal(int refused, string? reason)
    {
        lock (_lock)
        {
            _refusal = reason;
            _flags = (_flags & (int)GuestHold.All) | refused;
        }

        Resume();
    }

    private async ValueTask WaitAsync(int held, int refused, string node, BlockOperation operation, BlockRange range)
    {
        while (true)
        {
            Signal<bool> signal;
            lock (_lock)
            {
                if ((_flags & refused) != 0)
                    throw new BlockException(BlockErrorKind.Stage, node, operation, range, _refusal ?? "refused");
                if ((_flags & held) == 0)
                    return;
                signal = new Signal<bool>();
                _waiters.Add(signal);
            }

            await signal.Task;
        }
    }

    // Everybody looks again: changes are rare, and a waiter whose condition still stands just waits on.
    private void Resume()
    {
        List<Signal<bool>> waiters;
        lock (_lock)
        {
            if (_waiters.Count == 0)
                return;
            waiters = _waiters;
            _waiters = [];
        }

        using IoBatch.Scope batch = IoBatch.Enter();
        foreach (Signal<bool> signal in waiters)
            signal.Complete(true);
    }
}
