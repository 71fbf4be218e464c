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
using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class PrimaryDies : IScenario
{
    // Of the guests' time: under checkpoints, then between the last checkpoint and the kill, then beside the commit.
    private const double LoadShare = 0.6;
    private const double BurstShare = 0.2;
    private const double AfterShare = 0.2;

    public string Name => "primary-dies";

    public PairShape Shape => PairShape.Plain;

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => Takeover.LoadAsync(run, LoadShare, cancellationToken));
        await run.PhaseAsync("quiesce", () => run.QuiesceAndCompareAsync(cancellationToken));
        long killed = 0;
        await run.PhaseAsync("burst", async () =>
        {
            string detail = await Takeover.BurstAsync(run, BurstShare, cancellationToken);
            killed = Stopwatch.GetTimestamp();
            run.Pair.Kill(NodeSide.Primary);
            return $"{detail}, then SIGKILL";
        });
        await run.PhaseAsync("failover", async () =>
        {
            string detail = await Takeover.FailoverAsync(run, killed, cancellationToken);
            await run.PrimaryGuest!.ForgiveDeathAsync(cancellationToken);
            run.ThrowIfGuestsFailed();
            return detail;
        });
        await run.PhaseAsync("commit", () => Takeover.CommitAsync(run, AfterShare, cancellationToken));
        await run.PhaseAsync("verify", () => Takeover.VerifyAsync(run, cancellationToken));
        await run.PhaseAsync("end", async () =>
        {
            await run.Pair.ShutDownAsync(cancellationToken);
            return "the promoted node ended with exit code 0";
        });
    }
}
