namespace Replication.Block.Overlay;

/// <summary>What the overlay files of a group take in one directory, against its limit.</summary>
/// <remarks>
/// <para>Taken before the data is written, in whole blocks of data and whole pages of marks, and given back when the space is: live sets, prepared ones and old
/// ones that are on their way out count alike. Changes are single atomic operations, so a request waits for nobody here.</para>
/// <para>The reserve is bytes of the limit that only the secondary's guest may use. It lies in a file (<see cref="OverlayReserve"/>) until it is needed, so
/// that a full file system has that much left; what the file has given up waits here as <i>freed</i> for
/// the guest's next block, where no undo copy can take it.</para>
/// <para>taken = bytes of overlay files + set aside + freed.</para>
/// </remarks>
internal sealed class OverlayBudget(long limitBytes, long softLimitBytes, Action<OverlayPressure, long, long>? onPressure)
{
    // All changed with Interlocked only.
    private long _takenBytes;
    private long _setAsideBytes;
    private long _freedBytes;
    private long _retiringBytes;
    private int _told; // bits of OverlayPressure that this epoch has told

    /// <summary>A directory without a limit: what it takes is counted.</summary>
    public static OverlayBudget Unlimited() => new(long.MaxValue, long.MaxValue, null);

    public long LimitBytes => limitBytes;

    /// <summary>What overlay files take.</summary>
    public long UsedBytes => Volatile.Read(ref _takenBytes) - ReserveBytes;

    /// <summary>What undo copies can still take.</summary>
    public long FreeBytes => Math.Max(0, limitBytes - Volatile.Read(ref _takenBytes));

    /// <summary>The guest's reserve: in its file, and freed.</summary>
    public long ReserveBytes => Volatile.Read(ref _setAsideBytes) + Volatile.Read(ref _freedBytes);

    /// <summary>Takes bytes for overlay files; false, and nothing taken, where the limit would be passed.</summary>
    public bool TryTake(long bytes)
    {
        if (!TryAdd(bytes))
            return false;
        TellSoft();
        return true;
    }

    /// <summary>As <see cref="TryTake"/>, for the guest: bytes that the reserve has freed count too.</summary>
    public bool TryTakeForGuest(long bytes)
    {
        if (TryTake(bytes))
            return true;
        for (long freed = Volatile.Read(ref _freedBytes); freed >= bytes;)
        {
            // They were taken when they were set aside: what changes is whose they are.
            long before = Interlocked.CompareExchange(ref _freedBytes, freed - bytes, freed);
            if (before == freed)
                return true;
            freed = before;
        }

        return false;
    }

    /// <summary>
    /// Counts what is there, or must be: files found at open, and the first page of a new epoch's files, without which no checkpoint could make room.
    /// </summary>
    public void Take(long bytes) => Interlocked.Add(ref _takenBytes, bytes);

    public void Give(long bytes) => Interlocked.Add(ref _takenBytes, -bytes);

    /// <summary>Bytes of a set that nobody uses any more: they count, but no checkpoint would make room for them.</summary>
    public void BeginRetiring(long bytes) => Interlocked.Add(ref _retiringBytes, bytes);

    public void GiveRetired(long bytes)
    {
        Interlocked.Add(ref _retiringBytes, -bytes);
        Give(bytes);
    }

    /// <summary>Takes bytes for the reserve's file; from what was freed and not used, then from the limit. False where there is no room.</summary>
    public bool TrySetAside(long bytes)
    {
        long freed = Volatile.Read(ref _freedBytes);
        long again = Math.Min(freed, bytes);
        if (again > 0 && Interlocked.CompareExchange(ref _freedBytes, freed - again, freed) != freed)
            return false; // The guest needs it now.
        if (!TryAdd(bytes - again))
        {
            Interlocked.Add(ref _freedBytes, again);
            return false;
        }

        Interlocked.Add(ref _setAsideBytes, bytes);
        return true;
    }

    /// <summary>The reserve's file has given bytes up: the guest may use them.</summary>
    public void FreeSetAside(long bytes)
    {
        Interlocked.Add(ref _setAsideBytes, -bytes);
        Interlocked.Add(ref _freedBytes, bytes);
    }

    /// <summary>The reserve's file could not be filled, or is gone.</summary>
    public void DropSetAside(long bytes)
    {
        Interlocked.Add(ref _setAsideBytes, -bytes);
        Give(bytes);
    }

    /// <summary>Somebody found no room.</summary>
    public void TellHard() => Tell(OverlayPressure.Hard, limitBytes);

    /// <summary>A new epoch tells again.</summary>
    public void BeginEpoch() => Volatile.Write(ref _told, 0);

    private bool TryAdd(long bytes)
    {
        for (long taken = Volatile.Read(ref _takenBytes); taken <= limitBytes - bytes;)
        {
            long before = Interlocked.CompareExchange(ref _takenBytes, taken + bytes, taken);
            if (before == taken)
                return true;
            taken = before;
        }

        return bytes == 0;
    }

    private void TellSoft()
    {
        // With a soft limit inside the reserve nothing would be told before the hard one.
        if (UsedBytes - Volatile.Read(ref _retiringBytes) >= Math.Min(softLimitBytes, limitBytes - ReserveBytes))
            Tell(OverlayPressure.Soft, softLimitBytes);
    }

    private void Tell(OverlayPressure pressure, long reachedBytes)
    {
        int bit = 1 << (int)pressure;
        if ((Volatile.Read(ref _told) & bit) == 0 && (Interlocked.Or(ref _told, bit) & bit) == 0)
            onPressure?.Invoke(pressure, UsedBytes, reachedBytes);
    }
}
