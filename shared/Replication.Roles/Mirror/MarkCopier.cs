using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// Copies in the background what begins to need a copy while a session runs: long zeroing, writes that
/// found no room in the window, and ranges whose local write failed.
/// </summary>
/// <remarks>
/// A piece at a time is read and enqueued under the range lock, so the guest's writes wait for one piece at most, and few are unanswered at once, so they find
/// room in front of the mirror. What cannot be read from the primary disk ends the session, as it does for a repair: its marks stay.
/// </remarks>
internal sealed class MarkCopier
{
    private readonly MirrorSession _session;
    private readonly IReadOnlyList<MarkedDisk> _disks;
    private readonly WakeUp _demand;
    private readonly TimeProvider _time;
    private readonly Lock _sync = new();
    private TaskCompletionSource _roundEnded = new(); // guarded by _sync
    private volatile bool _ending;

    public MarkCopier(MirrorSession session, IReadOnlyList<MarkedDisk> disks, TimeProvider time)
    {
        _session = session;
        _disks = disks;
        _demand = new WakeUp(time);
        _time = time;
    }

    /// <summary>Bytes that need a copy, of all disks.</summary>
    public long NeedsCopyBytes => _disks.Sum(disk => disk.Marks.NeedsCopyBytes);

    /// <summary>Copies on demand until <see cref="End"/>.</summary>
    public async Task RunAsync()
    {
        foreach (MarkedDisk disk in _disks)
            disk.Marks.CopyDemanded = _demand.Ring;
        while (!_ending)
        {
            if (NeedsCopyBytes == 0 || _session.Loss is not null)
                await _demand.SleepAsync();
            // Whoever rang may be a guest's own thread, in the middle of its requests.
            await Task.Yield();
            foreach (MarkedDisk disk in _disks)
                await CopyAsync(disk);
            EndRound();
        }

        // Whoever began to wait behind the last round, and had not seen that there will be no other.
        EndRound();
    }

    /// <summary>Ends <see cref="RunAsync"/>; copies that wait for the mirror end with the session.</summary>
    public void End()
    {
        _ending = true;
        _demand.Ring();
    }

    /// <summary>Waits until nothing needs a copy, or the session is over. Something may need one again at once.</summary>
    public async Task WaitUntilCopiedAsync()
    {
        while (true)
        {
            Task ended;
            lock (_sync)
                ended = _roundEnded.Task;
            if (_ending || _session.Loss is not null || NeedsCopyBytes == 0)
                return;
            await ended;
        }
    }

    /// <summary>The same for as long as what needs a copy becomes less within that time; false where it does not, for then it never may.</summary>
    public async Task<bool> WaitUntilCopiedAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        Task copied = WaitUntilCopiedAsync();
        while (true)
        {
            long before = NeedsCopyBytes;
            try
            {
                await copied.WaitAsync(patience, _time, cancellationToken);
                return true;
            }
            catch (TimeoutException)
            {
                if (NeedsCopyBytes >= before)
                    return false;
            }
        }
    }

    internal async Task CopyAsync(MarkedDisk disk)
    {
        if (_session.Loss is not null || disk.Marks.NeedsCopyBytes == 0)
            return;
        try
        {
            await new MarkedCopy(disk, () => _session.CopyShare with { InFlight = MirrorLimits.BackgroundCopiesInFlight }).RunAsync(
                _ => { }, CancellationToken.None);
        }
        catch (BlockException) when (_ending)
        {
            // The mirror child has been taken away in order: what is left stays marked.
        }
        catch (BlockException e)
        {
            _session.Lose(new MirrorLoss(
                MirrorLossCause.LocalFailed, $"a range that the mirror lacks could not be copied: {e.Message}", disk.Link.Disk, e.Range, e.Errno));
        }
    }

    private void EndRound()
    {
        TaskCompletionSource ended;
        lock (_sync)
        {
            ended = _roundEnded;
            _roundEnded = new TaskCompletionSource();
        }

        ended.SetResult();
    }
}
