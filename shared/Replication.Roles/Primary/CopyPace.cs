namespace Replication.Roles.Primary;

/// <summary>
/// Keeps the copies of a sync below a rate, on average; and beside a guest that writes it leaves half of the time to the guest, whichever of the nodes'
/// processors, the link and the disks is the narrow one: after each copy comes a rest as long as that took. A guest's writes do not come here.
/// </summary>
/// <remarks>Used by one sync at a time. A pause is not saved up for a burst.</remarks>
/// <param name="time">The node's.</param>
/// <param name="bytesPerSecond">0: no limit.</param>
internal sealed class CopyPace(TimeProvider time, long bytesPerSecond)
{
    private long? _begunAt; // the last copy's
    private TimeSpan _atRate; // what that takes at the rate

    /// <summary>Waits for a copy's turn; calls <paramref name="stillWanted"/> now and then, which throws where it is not.</summary>
    /// <param name="lengthBytes">What is to be copied.</param>
    /// <param name="besideGuest">A guest writes.</param>
    /// <param name="stillWanted">Throws where the copy is not wanted any more.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask TakeAsync(long lengthBytes, bool besideGuest, Action stillWanted, CancellationToken cancellationToken)
    {
        if (bytesPerSecond == 0 && !besideGuest)
        {
            _begunAt = null;
            return;
        }

        if (_begunAt is { } begunAt)
        {
            TimeSpan due = besideGuest ? Longer(_atRate, WithRest(time.GetElapsedTime(begunAt))) : _atRate;
            for (TimeSpan left = due - time.GetElapsedTime(begunAt); left > TimeSpan.Zero; left = due - time.GetElapsedTime(begunAt))
            {
                // Rounded up: a delay of less than a millisecond is none, and the loop would spin until it is over.
                TimeSpan step = left < Limits.PaceStep ? left : Limits.PaceStep;
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(step.TotalMilliseconds)), time, cancellationToken);
                stillWanted();
            }
        }

        _begunAt = time.GetTimestamp();
        _atRate = bytesPerSecond == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)lengthBytes / bytesPerSecond);
    }

    private static TimeSpan WithRest(TimeSpan copy) => copy + (copy < Limits.LongestGuestRest ? copy : Limits.LongestGuestRest);

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
