// The secondary is stopped for some seconds, with writes in its socket buffers, and goes on.
//
//   start      a pair on loopback, disks with data and holes, first sync
//   load       both guests write, checkpoints under them
//   hang       SIGSTOP to the secondary; no write of the primary's guest waits for longer than the deadline, once (No hostage); SIGCONT
//   resync     both guests writing; what the dead session had left in the sockets is over (Fence)
//   together   both guests write on; the outage was one detachment, and nobody was promoted
//   verify     at rest: a checkpoint, both exports, both disks: nothing old has landed over anything new (Replica)
//   end        both nodes end well

using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class SecondaryHangs : IScenario
{
    // Of the guests' time: under checkpoints, then together again.
    private const double LoadShare = 0.5;
    private const double AfterShare = 0.5;

    public string Name => "secondary-hangs";

    public PairShape Shape => PairShape.Outage;

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => Takeover.LoadAsync(run, LoadShare, cancellationToken));
        ulong generation = (await run.Pair.GetStatusAsync(NodeSide.Secondary, cancellationToken)).Generation.Number;
        await run.PhaseAsync("hang", async () =>
        {
            run.PrimaryGuest!.BeginMeasuring();
            await run.Pair.FreezeAsync(NodeSide.Secondary, cancellationToken);
            try
            {
                return await Outage.LiveThroughAsync(run, run.Options.Outage.Length, cancellationToken);
            }
            finally
            {
                run.Pair.Thaw(NodeSide.Secondary);
            }
        });
        await run.PhaseAsync("resync", () => Outage.ResyncAsync(run, cancellationToken));
        await run.PhaseAsync("together", () => Outage.GoOnAsync(run, AfterShare, outages: 1, generation, cancellationToken));
        await Outage.EndAsync(run, cancellationToken);
    }
}
