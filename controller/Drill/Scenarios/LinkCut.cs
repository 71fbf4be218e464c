// The link between the nodes is cut, both ways and then one way; both nodes live.
//
//   start         a pair whose primary reaches its secondary through a relay of the drill's own
//   load          both guests write, checkpoints under them
//   cut           nothing passes; no write of the primary's guest waits for longer than the deadline, once; nobody is promoted (No hostage)
//   resync        the link is whole again, and what it had held back arrives: of a session that is over (Fence)
//   together      both guests write on; one outage was one detachment
//   cut one way   the primary's requests still arrive, the replies do not
//   resync again, together again
//   verify        at rest: a checkpoint, both exports, both disks (Replica)
//   end           both nodes end well

using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class LinkCut : IScenario
{
    // Of the guests' time: under checkpoints, then after each of the two resyncs.
    private const double LoadShare = 0.4;
    private const double AfterShare = 0.3;

    public string Name => "link-cut";

    public PairShape Shape => PairShape.Outage with { Relayed = true };

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => Takeover.LoadAsync(run, LoadShare, cancellationToken));
        ulong generation = (await run.Pair.GetStatusAsync(NodeSide.Secondary, cancellationToken)).Generation.Number;
        await CutAsync(run, "cut", "resync", bothWays: true, cancellationToken);
        await run.PhaseAsync("together", () => Outage.GoOnAsync(run, AfterShare, outages: 1, generation, cancellationToken));
        await CutAsync(run, "cut one way", "resync again", bothWays: false, cancellationToken);
        await run.PhaseAsync("together again", () => Outage.GoOnAsync(run, AfterShare, outages: 2, generation, cancellationToken));
        await Outage.EndAsync(run, cancellationToken);
    }

    private static async Task CutAsync(DrillRun run, string cut, string resync, bool bothWays, CancellationToken cancellationToken)
    {
        await run.PhaseAsync(cut, async () =>
        {
            run.PrimaryGuest!.BeginMeasuring();
            run.Pair.CutLink(bothWays);
            try
            {
                return await Outage.LiveThroughAsync(run, run.Options.Outage.Length, cancellationToken);
            }
            finally
            {
                run.Pair.HealLink();
            }
        });
        await run.PhaseAsync(resync, () => Outage.ResyncAsync(run, cancellationToken));
    }
}
