using System.Diagnostics;
using System.Globalization;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

/// <summary>Load, failover and what follows it: the steps of every scenario in which the secondary takes over.</summary>
internal static class Takeover
{
    private static readonly TimeSpan s_betweenCheckpoints = TimeSpan.FromMilliseconds(300);

    /// <summary>Both guests write for a share of the drill's time, checkpoints under them.</summary>
    public static async Task<string> LoadAsync(DrillRun run, double share, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < run.Options.Duration * share)
        {
            await Task.Delay(s_betweenCheckpoints, cancellationToken);
            await run.CheckpointAsync(cancellationToken);
        }

        return Written(run) + $", {run.Checkpoints.Count} checkpoints";
    }

    /// <summary>A last checkpoint, then writes that will be lost.</summary>
    public static async Task<string> BurstAsync(DrillRun run, double share, CancellationToken cancellationToken)
    {
        run.PrimaryGuest!.Resume();
        run.SecondaryGuest!.Resume();
        await Task.Delay(s_betweenCheckpoints, cancellationToken);
        await run.CheckpointAsync(cancellationToken);
        long before = run.PrimaryGuest.WrittenBytes;
        await Task.Delay(run.Options.Duration * share, cancellationToken);
        run.ThrowIfGuestsFailed();
        return $"{SizeText.Format(run.PrimaryGuest.WrittenBytes - before)} since the last checkpoint";
    }

    /// <summary>The secondary takes over; RTO is from <paramref name="lostAt"/> to the first write through a new connection.</summary>
    public static async Task<string> FailoverAsync(DrillRun run, long lostAt, CancellationToken cancellationToken)
    {
        FailoverResponse promoted = await run.Pair.FailoverAsync(cancellationToken);
        BlockNode disk = await run.ConnectAsync(NodeSide.Secondary, 0, cancellationToken);
        await ServeOneWriteAsync(run, disk, cancellationToken);
        run.RtoMs = Stopwatch.GetElapsedTime(lostAt).TotalMilliseconds;
        return string.Create(CultureInfo.InvariantCulture, $"generation {promoted.Generation.Number}, first write served after {run.RtoMs:0.0} ms");
    }

    /// <summary>All is compared while the commit runs and the guest goes on.</summary>
    public static async Task<string> CommitAsync(DrillRun run, double share, CancellationToken cancellationToken)
    {
        run.RpoBytes = 0;
        long began = Stopwatch.GetTimestamp();
        Task<NodeStatus> committing = run.Pair.WaitCommittedAsync(cancellationToken);
        await run.CompareAsync(NodeSide.Secondary, cancellationToken);
        NodeStatus committed = await committing.WaitAsync(Limits.Commit, cancellationToken);
        TimeSpan rest = (run.Options.Duration * share) - Stopwatch.GetElapsedTime(began);
        if (rest > TimeSpan.Zero)
            await Task.Delay(rest, cancellationToken);
        run.SecondaryGuest!.ThrowIfFailed();
        return $"{SizeText.Format(committed.CommittedBytes)} committed in {committed.CommitElapsedMs} ms, the guest writing; the view was compared meanwhile";
    }

    /// <summary>The promoted node's export and disk, and the old primary's disk: it holds all that it acknowledged (Local first).</summary>
    public static async Task<string> VerifyAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.SecondaryGuest!.StopAsync(cancellationToken);
        run.ThrowIfGuestsFailed();
        long compared = await run.CompareAsync(NodeSide.Secondary, cancellationToken);
        compared += run.CompareImages(NodeSide.Secondary, NodeSide.Secondary);
        compared += run.CompareImages(NodeSide.Primary, NodeSide.Primary);
        return $"{SizeText.Format(compared)} equal: the export, its disk, and the old primary's disk";
    }

    public static string Written(DrillRun run) =>
        $"{SizeText.Format(run.PrimaryGuest!.WrittenBytes)} and {SizeText.Format(run.SecondaryGuest!.WrittenBytes)} written by the two guests";

    /// <summary>The write of a VM that has just been moved here.</summary>
    private static async Task ServeOneWriteAsync(DrillRun run, BlockNode disk, CancellationToken cancellationToken)
    {
        byte[] data = new byte[4096];
        DrillRandom random = DrillRandom.Of(run.Options.Seed, 2_000_000);
        random.Fill(data);
        GuestRequest request;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            long page = random.Below(run.Options.SizeBytes / data.Length);
            request = new GuestRequest(NodeSide.Secondary, 0, RequestKind.Write, new BlockRange(page * data.Length, data.Length), data);
        }
        while (!run.Model.TryBegin(request));
        await disk.WriteAsync(request.Range.OffsetBytes, data);
        run.Model.Complete(request);
    }
}
