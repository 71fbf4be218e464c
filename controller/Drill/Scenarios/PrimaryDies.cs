// The primary is killed in the middle of a write burst, and the secondary takes over.
//
//   start      a pair on loopback, disks with data and holes, first sync
//   load       both guests write, checkpoints under them
//   quiesce    both at rest: exports and disks equal the model (View, Replica)
//   burst      a last checkpoint, then writes that will be lost; SIGKILL among them
//   failover   the secondary serves; RTO is SIGKILL to the first write through a new connection
//   commit     all is compared while the commit runs and the guest goes on (View, Undo, Commit); RPO is what differs
//   verify     at rest: the export and the disk itself equal the model; the dead primary's disk holds all that it acknowledged (Local first)
//   end        the survivor ends well

using System.Diagnostics;
using System.Globalization;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class PrimaryDies : IScenario
{
    private static readonly TimeSpan s_betweenCheckpoints = TimeSpan.FromMilliseconds(300);

    // Of the guests' time: under checkpoints, then between the last checkpoint and the kill, then beside the commit.
    private const double LoadShare = 0.6;
    private const double BurstShare = 0.2;
    private const double AfterShare = 0.2;

    public string Name => "primary-dies";

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => LoadAsync(run, cancellationToken));
        await run.PhaseAsync("quiesce", () => run.QuiesceAndCompareAsync(cancellationToken));
        long killed = 0;
        await run.PhaseAsync("burst", async () =>
        {
            string detail = await BurstAsync(run, cancellationToken);
            killed = Stopwatch.GetTimestamp();
            run.Pair.KillPrimary();
            return detail;
        });
        await run.PhaseAsync("failover", () => FailoverAsync(run, killed, cancellationToken));
        await run.PhaseAsync("commit", () => CommitAsync(run, cancellationToken));
        await run.PhaseAsync("verify", () => VerifyAsync(run, cancellationToken));
        await run.PhaseAsync("end", async () =>
        {
            await run.Pair.ShutDownAsync(cancellationToken);
            return "the promoted node ended with exit code 0";
        });
    }

    private static async Task<string> LoadAsync(DrillRun run, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < run.Options.Duration * LoadShare)
        {
            await Task.Delay(s_betweenCheckpoints, cancellationToken);
            await run.CheckpointAsync(cancellationToken);
        }

        return Written(run) + $", {run.Checkpoints.Count} checkpoints";
    }

    private static async Task<string> BurstAsync(DrillRun run, CancellationToken cancellationToken)
    {
        run.PrimaryGuest!.Resume();
        run.SecondaryGuest!.Resume();
        await Task.Delay(s_betweenCheckpoints, cancellationToken);
        await run.CheckpointAsync(cancellationToken);
        long before = run.PrimaryGuest.WrittenBytes;
        await Task.Delay(run.Options.Duration * BurstShare, cancellationToken);
        run.ThrowIfGuestsFailed();
        return $"{SizeText.Format(run.PrimaryGuest.WrittenBytes - before)} since the last checkpoint, then SIGKILL";
    }

    private static async Task<string> FailoverAsync(DrillRun run, long killed, CancellationToken cancellationToken)
    {
        FailoverResponse promoted = await run.Pair.FailoverAsync(cancellationToken);
        BlockNode disk = await run.ConnectAsync(NodeSide.Secondary, 0, cancellationToken);
        await ServeOneWriteAsync(run, disk, cancellationToken);
        run.RtoMs = Stopwatch.GetElapsedTime(killed).TotalMilliseconds;
        await run.PrimaryGuest!.ForgiveDeathAsync(cancellationToken);
        run.ThrowIfGuestsFailed();
        return string.Create(CultureInfo.InvariantCulture, $"generation {promoted.Generation.Number}, first write served {run.RtoMs:0.0} ms after the kill");
    }

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

    private static async Task<string> CommitAsync(DrillRun run, CancellationToken cancellationToken)
    {
        run.RpoBytes = 0;
        long began = Stopwatch.GetTimestamp();
        Task<NodeStatus> committing = run.Pair.WaitCommittedAsync(cancellationToken);
        await run.CompareAsync(NodeSide.Secondary, cancellationToken);
        NodeStatus committed = await committing.WaitAsync(Limits.Commit, cancellationToken);
        TimeSpan rest = (run.Options.Duration * AfterShare) - Stopwatch.GetElapsedTime(began);
        if (rest > TimeSpan.Zero)
            await Task.Delay(rest, cancellationToken);
        run.ThrowIfGuestsFailed();
        return $"{SizeText.Format(committed.CommittedBytes)} committed in {committed.CommitElapsedMs} ms, the guest writing; the view was compared meanwhile";
    }

    private static async Task<string> VerifyAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.SecondaryGuest!.StopAsync(cancellationToken);
        run.ThrowIfGuestsFailed();
        long compared = await run.CompareAsync(NodeSide.Secondary, cancellationToken);
        compared += run.CompareImages(NodeSide.Secondary, NodeSide.Secondary);
        compared += run.CompareImages(NodeSide.Primary, NodeSide.Primary);
        return $"{SizeText.Format(compared)} equal: the export, its disk, and the dead primary's disk";
    }

    private static string Written(DrillRun run) =>
        $"{SizeText.Format(run.PrimaryGuest!.WrittenBytes)} and {SizeText.Format(run.SecondaryGuest!.WrittenBytes)} written by the two guests";
}
