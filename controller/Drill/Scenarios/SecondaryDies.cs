// The secondary is killed while the primary's guest writes, and comes back.
//
//   start      a pair on loopback, disks with data and holes, first sync
//   load       both guests write, checkpoints under them
//   quiesce    both at rest: exports and disks equal the model (View, Replica)
//   kill       the primary's guest writes; SIGKILL to the secondary; no write waits for longer than the deadline (No hostage)
//   restart    the secondary comes back on its files: all of its guest's view is compared before it has heard of the primary (View)
//   resync     what is marked travels, and no more (No lost dirt)
//   together   both guests write on; the outage was one detachment, and nobody was promoted
//   verify     at rest: a checkpoint, both exports, both disks (Replica)
//   end        both nodes end well

using Replication.Controller.CommandLine;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Scenarios;

internal sealed class SecondaryDies : IScenario
{
    // Of the guests' time: under checkpoints, then without one, then after the secondary's return.
    private const double LoadShare = 0.5;
    private const double TogetherShare = 0.2;
    private const double AfterShare = 0.3;

    public string Name => "secondary-dies";

    public PairShape Shape => PairShape.Outage;

    public async Task RunAsync(DrillRun run, CancellationToken cancellationToken)
    {
        await run.PhaseAsync("start", () => run.BeginAsync(cancellationToken));
        await run.PhaseAsync("load", () => Takeover.LoadAsync(run, LoadShare, cancellationToken));
        await run.PhaseAsync("quiesce", () => run.QuiesceAndCompareAsync(cancellationToken));
        ulong generation = (await run.Pair.GetStatusAsync(NodeSide.Secondary, cancellationToken)).Generation.Number;
        await run.PhaseAsync("kill", async () =>
        {
            // Its own guest at rest, with writes in the active disk: what it has had acknowledged must be there in the next life, exactly.
            run.SecondaryGuest!.Resume();
            run.PrimaryGuest!.Resume();
            await Task.Delay(run.Options.Duration * TogetherShare, cancellationToken);
            await run.SecondaryGuest.PauseAsync(cancellationToken);
            run.PrimaryGuest.BeginMeasuring();
            run.Pair.Kill(NodeSide.Secondary);
            return await Outage.LiveThroughAsync(run, run.Options.Outage.Deadline, cancellationToken);
        });
        await run.PhaseAsync("restart", async () =>
        {
            await run.Pair.RestartAsync(NodeSide.Secondary, cancellationToken);
            long compared = await run.CompareAsync(NodeSide.Secondary, cancellationToken);
            await run.ReplaceSecondaryGuestAsync(cancellationToken);
            return $"{SizeText.Format(compared)} of the view as they were";
        });
        await run.PhaseAsync("resync", () => Outage.ResyncMarkedAsync(run, cancellationToken));
        await run.PhaseAsync("together", () => Outage.GoOnAsync(run, AfterShare, outages: 1, generation, cancellationToken));
        await Outage.EndAsync(run, cancellationToken);
    }
}
