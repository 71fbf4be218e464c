namespace Replication.Roles.Primary;

/// <summary>Keeps the copies of a sync below a rate, on average; a guest's writes do not come here. Used by one sync at a time.</summary>
/// <param name="time">The node's.</param>
/// <param name="bytesPerSecond">0: no limit.</param>
internal sealed class CopyPace(TimeProvider time, long bytesPerSecond)
{
    private long _since; // the timestamp from which the debt is counted
    private TimeSpan _debt; // what has been let through takes this long at the rate

    /// <summary>Waits until what went before is paid for; calls <paramref name="stillWanted"/> now and then, which throws where it is not.</summary>
    public async ValueTask TakeAsync(long lengthBytes, Action stillWanted, CancellationToken cancellationToken)
    {
        if (bytesPerSecond == 0)
            return;
        for (TimeSpan left = Left(); left > TimeSpan.Zero; left = Left())
        {
            // Rounded up: a delay of less than a millisecond is none, and the loop would spin until it is over.
            await Task.Delay(
                left < Limits.PaceStep ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : Limits.PaceStep, time, cancellationToken);
            stillWanted();
        }

        // A pause is not saved up for a burst.
        _since = time.GetTimestamp();
        _debt = TimeSpan.FromSeconds((double)lengthBytes / bytesPerSecond);
    }

    private TimeSpan Left() => _debt - time.GetElapsedTime(_since);
}
