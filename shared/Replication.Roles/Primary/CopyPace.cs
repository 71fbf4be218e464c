using Replication.Jobs;

namespace Replication.Roles.Primary;

/// <summary>
/// Keeps the copies of a sync below its job's speed; and beside a guest that writes it leaves half of the time to the guest, whichever of the nodes'
/// processors, the link and the disks is the narrow one: after each copy comes a rest as long as that took. A guest's writes do not come here.
/// </summary>
/// <remarks>
/// Used by one sync at a time. The rest comes first, so that it is as long as the copy and not as the wait for the speed; the debt is paid off meanwhile.
/// </remarks>
internal sealed class CopyPace(TimeProvider time, JobContext job)
{
    private long? _begunAt; // the last copy's, beside a guest

    /// <summary>Waits for a copy's turn; calls <paramref name="stillWanted"/> now and then, which throws where it is not.</summary>
    /// <param name="lengthBytes">What is to be copied.</param>
    /// <param name="besideGuest">A guest writes.</param>
    /// <param name="stillWanted">Throws where the copy is not wanted any more.</param>
    public async ValueTask TakeAsync(long lengthBytes, bool besideGuest, Action stillWanted)
    {
        if (besideGuest && _begunAt is { } begunAt)
            await RestAsync(begunAt, stillWanted);
        await job.PaceAsync(lengthBytes, stillWanted);
        _begunAt = besideGuest ? time.GetTimestamp() : null;
    }

    private async ValueTask RestAsync(long begunAt, Action stillWanted)
    {
        TimeSpan copy = time.GetElapsedTime(begunAt);
        TimeSpan due = copy + (copy < Limits.LongestGuestRest ? copy : Limits.LongestGuestRest);
        for (TimeSpan left = due - copy; left > TimeSpan.Zero; left = due - time.GetElapsedTime(begunAt))
        {
            // Rounded up: a delay of less than a millisecond is none, and the loop would spin until it is over.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), time, job.Token);
            stillWanted();
        }
    }
}
