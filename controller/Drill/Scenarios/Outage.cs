using System.Diagnostics;
using System.Globalization;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

/// <summary>
/// The secondary is lost and comes back: the steps of every scenario in which the primary goes on alone for a while (No hostage, No lost dirt, Whole).
/// </summary>
internal static class Outage
{
    /// <summary>
    /// Waits, the primary's guest writing, until the mirror is detached and then for as long as the outage lasts. Fails where a write took longer than the
    /// deadline allows, once, or, sent beside a detached mirror, longer than a local one. Call
    /// <see cref="Guests.Guest.BeginMeasuring"/> before the outage begins.
    /// </summary>
    public static async Task<string> LiveThroughAsync(DrillRun run, TimeSpan length, CancellationToken cancellationToken)
    {
        OutageTimes times = run.Options.Outage;
        Guests.Guest guest = run.PrimaryGuest!;
        long began = Stopwatch.GetTimestamp();
        await WaitStageAsync(run, NodeSide.Primary, NodeStage.Detached, cancellationToken);
        guest.MarkDetached();
        TimeSpan detached = Stopwatch.GetElapsedTime(began);
        TimeSpan rest = length - detached;
        if (rest > TimeSpan.Zero)
            await Task.Delay(rest, cancellationToken);
        guest.ThrowIfFailed();
        TimeSpan first = guest.LongestWrite(afterDetached: false);
        TimeSpan later = guest.LongestWrite(afterDetached: true);
        run.LongestWriteMs = Math.Max(run.LongestWriteMs ?? 0, Math.Max(first.TotalMilliseconds, later.TotalMilliseconds));
        Judge("when the secondary was lost", first, times.Deadline + times.Slack);
        Judge("beside a detached mirror", later, times.Slack);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"detached after {detached.TotalMilliseconds:0} ms; the longest write took {first.TotalMilliseconds:0} ms (deadline "
            + $"{times.Deadline.TotalMilliseconds:0} ms), {later.TotalMilliseconds:0} ms afterwards");
    }

    /// <summary>
    /// Both guests write on for a share of the drill's time. One outage is one detachment, and nobody was
    /// promoted: both are where they were, in the generation in which they were.
    /// </summary>
    /// <param name="run">The drill.</param>
    /// <param name="share">Of its time.</param>
    /// <param name="outages">How many there have been.</param>
    /// <param name="generation">The one that was in force.</param>
    /// <param name="cancellationToken">The user's.</param>
    public static async Task<string> GoOnAsync(DrillRun run, double share, int outages, ulong generation, CancellationToken cancellationToken)
    {
        await Task.Delay(run.Options.Duration * share, cancellationToken);
        run.ThrowIfGuestsFailed();
        int detached = await run.Pair.CountEventsAsync(NodeSide.Primary, "mirror-detached", cancellationToken);
        if (detached != outages)
            throw new DrillException($"{outages} outages have raised {detached} mirror-detached events");
        NodeStatus primary = await run.Pair.GetStatusAsync(NodeSide.Primary, cancellationToken);
        NodeStatus secondary = await run.Pair.GetStatusAsync(NodeSide.Secondary, cancellationToken);
        if (primary.Generation.Number != generation || secondary.Generation.Number != generation || secondary.Stage != NodeStage.Running)
        {
            throw new DrillException(
                $"a false failover: the primary is {WireNames.Of(primary.Stage)} in generation {primary.Generation.Number}, the secondary "
                + $"{WireNames.Of(secondary.Stage)} in generation {secondary.Generation.Number}; both were in {generation}");
        }

        return $"{Takeover.Written(run)}; mirror-detached events: {detached}; generation {generation} on both nodes";
    }

    /// <summary>The pair comes back, both guests writing.</summary>
    public static async Task<string> ResyncAsync(DrillRun run, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        long syncedBytes = await BringBackAsync(run, cancellationToken);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{SizeText.Format(syncedBytes)} travelled in {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms, the guests writing");
    }

    /// <summary>The same with the primary's guest at rest, so that it is known what may travel: what is marked, and no more.</summary>
    public static async Task<string> ResyncMarkedAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PrimaryGuest!.PauseAsync(cancellationToken);
        NodeStatus before = await run.Pair.GetStatusAsync(NodeSide.Primary, cancellationToken);
        long markedBytes = before.Disks.Sum(disk => disk.DirtyBytes);
        long syncedBytes = await BringBackAsync(run, cancellationToken);
        if (syncedBytes > markedBytes)
            throw new DrillException($"{syncedBytes} bytes travelled, and only {markedBytes} were marked");
        run.PrimaryGuest.Resume();
        return $"{SizeText.Format(markedBytes)} were marked, {SizeText.Format(syncedBytes)} travelled, of "
            + $"{SizeText.Format(run.Options.Disks * run.Options.SizeBytes)}";
    }

    /// <summary>All is equal again, both guests at rest; then both nodes end well.</summary>
    public static async Task EndAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("verify", () => run.QuiesceAndCompareAsync(cancellationToken));
        await run.PhaseAsync("end", async () =>
        {
            await Task.WhenAll(run.PrimaryGuest!.StopAsync(cancellationToken), run.SecondaryGuest!.StopAsync(cancellationToken));
            await run.Pair.ShutDownAsync(cancellationToken);
            return "both nodes ended with exit code 0";
        });
    }

    public static async Task WaitStageAsync(DrillRun run, NodeSide side, NodeStage stage, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            NodeStatus status = await run.Pair.GetStatusAsync(side, cancellationToken);
            if (status.Stage == stage)
                return;
            if (Stopwatch.GetElapsedTime(began) > Limits.Settle)
            {
                throw new DrillException($"the {(side == NodeSide.Primary ? "primary" : "secondary")} is still {WireNames.Of(status.Stage)} after "
                    + $"{Limits.Settle.TotalSeconds:0} s, not {WireNames.Of(stage)}");
            }

            await Task.Delay(Limits.StatusInterval, cancellationToken);
        }
    }

    private static async Task<long> BringBackAsync(DrillRun run, CancellationToken cancellationToken)
    {
        long syncedBytes = await run.Pair.ResyncAsync(cancellationToken);
        run.SyncedBytes = (run.SyncedBytes ?? 0) + syncedBytes;
        await WaitStageAsync(run, NodeSide.Primary, NodeStage.Replicating, cancellationToken);
        run.ThrowIfGuestsFailed();
        return syncedBytes;
    }

    private static void Judge(string when, TimeSpan longest, TimeSpan most)
    {
        if (longest > most)
        {
            throw new DrillException(string.Create(
                CultureInfo.InvariantCulture,
                $"a write of the primary's guest took {longest.TotalMilliseconds:0} ms {when}; {most.TotalMilliseconds:0} ms are the most"));
        }
    }
}
