namespace Replication.Block.Secondary;

/// <summary>One mirror session on the secondary, shared by its disks and connections.</summary>
/// <remarks>
/// Invariant Fence: a write is counted in flight, then looks whether the session is revoked; revoking sets the flag, then looks at the count. So once a revoked
/// session has nothing in flight nothing of it is ever applied again. Promotion revokes under the closed gate, where nothing is in flight by itself.
/// </remarks>
public sealed class MirrorSessionState(Guid token)
{
    private volatile bool _revoked;
    private volatile bool _compareBeforeWrite;
    private volatile bool _failed;

    // Written with Interlocked, by the session's connection threads.
    private long _passed;
    private long _inFlight;

    /// <summary>The random token in the session's export names.</summary>
    public Guid Token => token;

    /// <summary>The session is over: nothing of it is let through any more.</summary>
    public bool Revoked => _revoked;

    /// <summary>A mirrored write of this session has failed: the secondary disk may lack it (invariant Whole).</summary>
    public bool Failed => _failed;

    /// <summary>Writes of content that the disk already has are neither undone nor written: set while a sync repeats what may be there.</summary>
    public bool CompareBeforeWrite
    {
        get => _compareBeforeWrite;
        set => _compareBeforeWrite = value;
    }

    /// <summary>Mirrored writes and zeroings that were let past the gate.</summary>
    public ulong Passed => (ulong)Volatile.Read(ref _passed);

    /// <summary>Those that have not completed yet.</summary>
    public long InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Ends the session for good.</summary>
    public void Revoke()
    {
        _revoked = true;
        Interlocked.MemoryBarrier();
    }

    /// <summary>
    /// Null where exactly <paramref name="answered"/> writes have passed, none is in flight and none has
    /// failed; otherwise why the checkpoint that counted on it is refused.
    /// </summary>
    public string? WhyNotDrained(ulong answered)
    {
        if (_revoked)
            return "its mirror session is over";
        if (_failed)
            return "a mirrored write of its session has failed";
        long inFlight = InFlight;
        ulong passed = Passed;
        return passed == answered && inFlight == 0
            ? null
            : $"the primary counts {answered} answered mirrored writes, the secondary {passed}, {inFlight} of them in flight";
    }

    internal bool TryBegin()
    {
        Interlocked.Increment(ref _inFlight);
        if (_revoked)
        {
            End();
            return false;
        }

        Interlocked.Increment(ref _passed);
        return true;
    }

    internal void End() => Interlocked.Decrement(ref _inFlight);

    internal void Fail() => _failed = true;
}
