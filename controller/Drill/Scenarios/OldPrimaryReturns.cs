// The primary is stopped, the secondary takes over, and the old primary comes back: first as it was, then restarted. There is never a second head.
//
//   start      a pair on loopback, disks with data and holes, first sync
//   load       both guests write, checkpoints under them
//   quiesce    both at rest: exports and disks equal the model (View, Replica)
//   burst      a last checkpoint, then writes that will be lost; SIGSTOP to the primary among them
//   failover   the secondary serves; the RTO has in it that the silent primary is asked first
//   commit     all is compared while the commit runs and the guest goes on (View, Undo, Commit); RPO is what differs
//   return     SIGCONT: no write that was sent after the promotion is acknowledged, and the old primary is fenced (Fence)
//   restart    SIGKILL and another life: still fenced, before anybody tells it
//   verify     at rest: the export and the disk itself equal the model; the old primary's disk holds all that it acknowledged, and nothing else
//   end        both nodes end well

using System.Diagnostics;
using Colo.Protocol.V1;
using Replication.Block;
using Replication.Controller.Drill.Model;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class OldPrimaryReturns : IScenario
{
    // Of the guests' time: under checkpoints, then between the last checkpoint and the stop, then beside the commit.
    private const double LoadShare = 0.6;
    private const double BurstShare = 0.2;
    private const double AfterShare = 0.2;

    // Writes that wait at the stopped node for its return.
    private const int Probes = 8;
    private const int ProbeBytes = 4096;
    private const byte Waiting = 0xEE;
    private const byte Fenced = 0xEF;

    public string Name => "old-primary-returns";

    public PairShape Shape => PairShape.Outage;

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => Takeover.LoadAsync(run, LoadShare, cancellationToken));
        await run.PhaseAsync("quiesce", () => run.QuiesceAndCompareAsync(cancellationToken));
        long stopped = 0;
        BlockNode? other = null;
        await run.PhaseAsync("burst", async () =>
        {
            string detail = await Takeover.BurstAsync(run, BurstShare, cancellationToken);
            other = await run.ConnectAsync(NodeSide.Primary, 0, cancellationToken);
            stopped = Stopwatch.GetTimestamp();
            await run.Pair.FreezeAsync(NodeSide.Primary, cancellationToken);
            return $"{detail}, then SIGSTOP";
        });
        await run.PhaseAsync("failover", () => Takeover.FailoverAsync(run, stopped, cancellationToken));
        await run.PhaseAsync("commit", () => Takeover.CommitAsync(run, AfterShare, cancellationToken));
        await run.PhaseAsync("return", () => ReturnAsync(run, other!, cancellationToken));
        await run.PhaseAsync("restart", () => RestartAsync(run, cancellationToken));
        await run.PhaseAsync("verify", () => Takeover.VerifyAsync(run, cancellationToken));
        await run.PhaseAsync("end", async () =>
        {
            await run.Pair.ShutDownAsync(cancellationToken);
            return "both nodes ended with exit code 0";
        });
    }

    private static async Task<string> ReturnAsync(DrillRun run, BlockNode other, CancellationToken cancellationToken)
    {
        run.PrimaryGuest!.ForbidWrites();
        Task<bool>[] probes = [.. Enumerable.Range(0, Probes).Select(_ => IsAcknowledgedAsync(other, Waiting))];
        run.Pair.Thaw(NodeSide.Primary);
        await Outage.WaitStageAsync(run, NodeSide.Primary, NodeStage.Fenced, cancellationToken);
        bool[] acknowledged = await Task.WhenAll(probes).WaitAsync(Limits.Drain, cancellationToken);
        await run.PrimaryGuest.ForgiveDeathAsync(cancellationToken);
        long wrong = acknowledged.Count(yes => yes) + run.PrimaryGuest.WritesAgainstTheRule;
        if (wrong > 0)
            throw new DrillException($"the old primary has acknowledged {wrong} writes that were sent after the promotion");
        // They failed, and may have reached the old primary's disk before it knew.
        run.Model.Abandon(new GuestRequest(NodeSide.Primary, 0, RequestKind.Write, new BlockRange(0, ProbeBytes), Probe(Waiting)));
        await CheckFencedAsync(run, cancellationToken);
        return $"fenced; {Probes} writes that had waited at it failed";
    }

    private static async Task<string> RestartAsync(DrillRun run, CancellationToken cancellationToken)
    {
        run.Pair.Kill(NodeSide.Primary);
        await run.Pair.RestartAsync(NodeSide.Primary, cancellationToken);
        await CheckFencedAsync(run, cancellationToken);
        return "still fenced in its next life";
    }

    private static async Task CheckFencedAsync(DrillRun run, CancellationToken cancellationToken)
    {
        NodeStatus status = await run.Pair.GetStatusAsync(NodeSide.Primary, cancellationToken);
        if (status.Stage != NodeStage.Fenced)
            throw new DrillException($"split brain: the old primary is {WireNames.Of(status.Stage)} beside a promoted secondary");
        BlockNode guest = await run.ConnectAsync(NodeSide.Primary, 0, cancellationToken);
        if (await IsAcknowledgedAsync(guest, Fenced).WaitAsync(Limits.Drain, cancellationToken))
            throw new DrillException("split brain: the old primary has acknowledged a write beside a promoted secondary");
    }

    /// <summary>A write of what no guest writes. Where it reached the disk of a fenced node though it failed, the comparison finds it.</summary>
    private static async Task<bool> IsAcknowledgedAsync(BlockNode disk, byte value)
    {
        try
        {
            await disk.WriteAsync(0, Probe(value));
            return true;
        }
        catch (BlockException)
        {
            return false;
        }
    }

    private static byte[] Probe(byte value) => [.. Enumerable.Repeat(value, ProbeBytes)];
}
