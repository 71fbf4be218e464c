using Replication.Block.State;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Cluster;

/// <remarks>
/// Invariant No hostage: a request of the primary's guest waits for the mirror at most one deadline, once. On top of that come what its caller has asked for (a
/// checkpoint's hold, a verify's barrier of half a deadline) and the primary's own disk. Where a promotion has been asked
/// for, the primary waits to be confirmed, or its own storage hangs, nothing is promised.
/// </remarks>
internal sealed partial class Pair
{
    // A request is two accesses of a slow disk at most and a flush, with marks before and continuations held up in between.
    private static readonly long s_localTime = Scheduler.Ticks(500);

    private readonly List<Hold> _holdings = [];

    /// <summary>The guest may be held for so long until the verb has ended, and its lease with it.</summary>
    public IDisposable Holding(TimeSpan longest)
    {
        var hold = new Hold(this, longest.Ticks);
        _holdings.Add(hold);
        return hold;
    }

    /// <summary>After every step.</summary>
    public void CheckNobodyWaitsLong()
    {
        _holdings.RemoveAll(hold => hold.Until < _scheduler.Now - s_localTime);
        long held = _holdings.Count == 0 ? 0 : _holdings.Max(hold => hold.Longest);
        NodeStage? stage = PrimaryStatus?.Stage;
        bool nothingIsPromised = stage is null or NodeStage.Waiting or NodeStage.Fenced || Primary.Process!.IsStopped || Primary.Hangs || PromotionAskedAt > 0;
        foreach (GuestOperation operation in _inFlight)
        {
            if (operation.Host != Primary)
                continue;
            long? copying = PrimaryJobs.Wait();
            operation.HeldTicks = Math.Max(operation.HeldTicks, held + (copying ?? 0));
            operation.MayTakeLong |= nothingIsPromised || copying is null;
            if (!operation.MayTakeLong && _scheduler.Now - operation.IssuedAt > Settings.Deadline.Ticks + operation.HeldTicks + s_localTime)
            {
                throw Fail($"No hostage: {operation} has waited for {(_scheduler.Now - operation.IssuedAt) / TimeSpan.TicksPerMillisecond} ms (held for "
                    + $"{operation.HeldTicks / TimeSpan.TicksPerMillisecond} ms at most)");
            }
        }
    }

    private sealed class Hold(Pair pair, long longest) : IDisposable
    {
        public long Longest => longest;

        public long Until { get; private set; } = long.MaxValue;

        // A controller that dies leaves its lease.
        public void Dispose() => Until = pair._scheduler.Now + longest;
    }
}
