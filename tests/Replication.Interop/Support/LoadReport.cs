namespace Replication.Interop.Support;

/// <summary>How long the requests of a load took.</summary>
internal sealed class LoadReport(IReadOnlyList<LoadSample> samples)
{
    public int Count => samples.Count;

    public TimeSpan Slowest => Count == 0 ? default : samples.Max(s => s.Took);

    public LoadReport Only(LoadKind kind) => new([.. samples.Where(s => s.Kind == kind)]);

    /// <summary>Those that began after that timestamp.</summary>
    public LoadReport After(long timestamp) => new([.. samples.Where(s => s.Began > timestamp)]);

    /// <summary>Those that had ended before that timestamp.</summary>
    public LoadReport Before(long timestamp) => new([.. samples.Where(s => s.Ended < timestamp)]);

    public TimeSpan Percentile(double percent)
    {
        if (Count == 0)
            return default;
        TimeSpan[] sorted = [.. samples.Select(s => s.Took).Order()];
        return sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * percent / 100))];
    }

    /// <summary>All requests that took longer were in flight together at some moment: what delayed them was one thing, once.</summary>
    public void WasDelayedAtMostOnce(TimeSpan longerThan)
    {
        LoadSample[] slow = [.. samples.Where(s => s.Took > longerThan)];
        if (slow.Length == 0)
            return;
        LoadSample late = slow.MaxBy(s => s.Began);
        LoadSample early = slow.MinBy(s => s.Ended);
        Assert.True(
            late.Began <= early.Ended, $"{slow.Length} requests took longer than {longerThan.TotalMilliseconds:0} ms, in more than one wait: {Waits(slow)}");
    }

    public override string ToString() =>
        $"{Count} requests, p50 {Percentile(50).TotalMilliseconds:0.0} ms, p99 {Percentile(99).TotalMilliseconds:0.0} ms, longest "
        + $"{Slowest.TotalMilliseconds:0} ms";

    private static string Waits(LoadSample[] slow)
    {
        long first = slow.Min(s => s.Began);
        return string.Join("; ", slow.OrderBy(s => s.Began).Select(s => $"{s.Kind} {Ms(s.Began):0}..{Ms(s.Ended):0} ms"));

        double Ms(long timestamp) => TimeProvider.System.GetElapsedTime(first, timestamp).TotalMilliseconds;
    }
}
