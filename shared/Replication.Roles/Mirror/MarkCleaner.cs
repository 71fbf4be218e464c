using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>
/// Clears the marks of a session's disks: flushes the mirror in the background, and clears what had
/// been answered before the flush began (invariant No lost dirt).
/// </summary>
/// <remarks>
/// A pass of a disk: the phase flips; writes that began before it are waited for, then the mirror's answers to them; the peer's disk is flushed, under the
/// session's own deadline for flushes, and with <c>Durability: power</c> the primary disk too; then the marks of the old phase go. No guest request waits for
/// any of it. A lost session, or a failed flush, clears nothing. When: a mark that is cleared is written again by the next write of its block. So a busy pair
/// rests between passes for a hundred times what writing its marks again may cost, and four times what the last
/// flush took; a pair that has nothing more to mirror is cleaned at once.
/// </remarks>
internal sealed class MarkCleaner(MirrorSession session, IReadOnlyList<MarkedDisk> disks, bool durable, TimeProvider time)
{
    private readonly AsyncMutex _passes = new();
    private readonly WakeUp _wakeUp = new(time);
    private readonly TimeSpan _restPerMark = durable ? MirrorLimits.RestPerDurableMark : MirrorLimits.RestPerMark;
    private volatile bool _ending;

    // Written under _passes. The loop's look between passes may be one pass late, and then it looks again.
    private long _lastEnded = time.GetTimestamp();
    private TimeSpan _lastTook;
    private long _writesThen;
    private ulong _answeredThen; // the loop's own

    /// <summary>Cleans now and then until <see cref="End"/>.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            await _wakeUp.SleepAsync(MirrorLimits.CleaningInterval);
            if (_ending)
                return;
            ulong answered = session.AnsweredWrites;
            bool idle = answered == _answeredThen && session.UnansweredForwards == 0;
            _answeredThen = answered;
            if (session.Loss is null && disks.Any(disk => disk.Marks.HasUnflushed) && IsDue(idle))
                await CleanAsync();
        }
    }

    /// <summary>Something has ended after which the pair may be idle: looks whether a pass is due before the next moment to look.</summary>
    public void Wake() => _wakeUp.Ring();

    /// <summary>Ends <see cref="RunAsync"/>; a pass that waits for the mirror ends with the session.</summary>
    public void End()
    {
        _ending = true;
        _wakeUp.Ring();
    }

    /// <summary>One pass over every disk, now. True: all was flushed that had been enqueued before.</summary>
    public async Task<bool> CleanAsync()
    {
        using AsyncMutex.Holder turn = await _passes.EnterAsync();
        long began = time.GetTimestamp();
        _writesThen = FileWrites();
        bool all = true;
        foreach (MarkedDisk disk in disks)
            all &= await CleanAsync(disk);
        _lastEnded = time.GetTimestamp();
        _lastTook = time.GetElapsedTime(began, _lastEnded);
        return all;
    }

    private bool IsDue(bool idle)
    {
        TimeSpan since = time.GetElapsedTime(_lastEnded);
        if (since < MirrorLimits.RestPerFlush * _lastTook)
            return false;
        TimeSpan rest = (FileWrites() - _writesThen) * _restPerMark;
        return idle || since >= (rest < MirrorLimits.LongestRest ? rest : MirrorLimits.LongestRest);
    }

    private async Task<bool> CleanAsync(MarkedDisk disk)
    {
        if (disk.Marks.TryBeginPass(disk.Session) is not { } pass)
            return false;
        if (!await FlushAsync(disk))
        {
            await disk.Marks.AbandonPassAsync(pass);
            return false;
        }

        // A flush's answer arrives on the mirror's receive thread, which has other answers to read.
        await Task.Yield();
        await disk.Marks.EndPassAsync(pass);
        return true;
    }

    private async Task<bool> FlushAsync(MarkedDisk disk)
    {
        await disk.Quorum.WaitForWritesAsync();
        await disk.Link.WaitForAnswersAsync(new BlockRange(0, disk.Quorum.LengthBytes));
        if (session.Loss is not null || !await disk.Link.FlushPeerAsync())
            return false;
        if (!durable)
            return true;
        try
        {
            await disk.Quorum.FlushLocalAsync();
            return true;
        }
        catch (BlockException)
        {
            // The quorum has reported it, and fails the guest's next flush.
            return false;
        }
    }

    private long FileWrites() => disks.Sum(disk => disk.Marks.FileWrites);
}
