using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;
using Replication.Simulation.Workload;

namespace Replication.Simulation.CrashPoints;

/// <summary>Both nodes are opened on what a crash has left; everything is read, and then the pair must come back, or its secondary must take over.</summary>
internal sealed class Recovery(Pair pair, Scheduler scheduler, Action<string> tell)
{
    private static readonly long s_patience = TimeSpan.FromSeconds(60).Ticks;

    private readonly Controller _controller = new(pair, tell);

    private NodeStage? PrimaryStage => pair.Primary.Serving?.GetStatus().Stage;

    private NodeStage? SecondaryStage => pair.Secondary.Serving?.GetStatus().Stage;

    /// <param name="promotes">Where the secondary has a view it is promoted to it; else the pair comes back.</param>
    public void Run(bool promotes)
    {
        // Nothing has been opened yet: these are the files alone.
        pair.NotePromotion();
        pair.CheckMarks();
        pair.CheckPeerIsOnRecord();
        scheduler.RunFor(1);
        pair.Boot(pair.Primary);
        pair.Boot(pair.Secondary);
        Await("both nodes are open", () => PrimaryStage is not null && SecondaryStage is not null);
        ReadEverything();
        if (SecondaryStage == NodeStage.Running && promotes)
            Verb("the promotion", () => _controller.Failover(pair.Secondary, force: true));
        if (SecondaryStage is NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done)
            Commit();
        else
            ComeBack();
        ReadEverything();
    }

    private void Commit()
    {
        Await("the commit ends", () => SecondaryStage == NodeStage.Done);
        Pass(200);
        if (!pair.CheckCommitted())
            throw pair.Fail("the promoted secondary has no view of its own");
    }

    private void ComeBack()
    {
        Settle();
        // Killed before its first commit, it has a peer that knows nothing of it: the operator decides.
        if (PrimaryStage is NodeStage.Waiting)
            Verb("the operator's word", () => _controller.Failover(pair.Primary, force: false));
        // A promotion whose view a reboot has taken: nobody serves, until the operator says that it does not count.
        bool isLost = PrimaryStage is NodeStage.Fenced && pair.MayBeInconsistent;
        if (PrimaryStage != NodeStage.Replicating)
            Verb("the start", () => _controller.Start(SyncMode.Auto, discardSecondary: isLost));
        if (pair.IsRotten && PrimaryStage == NodeStage.Replicating)
            Verb("the comparison", () => _controller.Verify(repair: true, () => pair.IsRotten = false));

        if (pair.IsRotten)
            throw pair.Fail("the disks cannot be verified");
        Verb("the checkpoint", () => _controller.Checkpoint(CheckpointPlan.Plain));
        if (PrimaryStage != NodeStage.Replicating)
            throw pair.Fail($"the pair does not come back: the primary is {PrimaryStage}, the secondary {SecondaryStage}");
        if (!pair.CheckReplica())
            throw pair.Fail("the pair replicates, and yet its mirror is not whole");
    }

    // A restarted primary asks its peer, and comes back by itself where it can.
    private void Settle()
    {
        for (int i = 0; i < 20 && PrimaryStage is NodeStage.Waiting or NodeStage.Detached or NodeStage.Resyncing; i++)
            Pass(100);
    }

    private void Verb(string name, Action ask)
    {
        ask();
        Await(name, () => _controller.UnderWay.Count == 0);
        Pass(100);
    }

    private void ReadEverything()
    {
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[pair.Primary, pair.Secondary])
        {
            for (int disk = 0; disk < pair.Settings.DiskBytes.Length; disk++)
                pair.Issue(host, BlockOperation.Read, disk, new BlockRange(0, pair.Settings.DiskBytes[disk]));
        }

        Await("every read is answered", () => pair.InFlight.Count == 0);
    }

    private void Await(string what, Func<bool> isSo)
    {
        for (long until = scheduler.Now + s_patience; !isSo(); Pass(50))
        {
            if (scheduler.Now > until)
                throw pair.Fail($"waited in vain until {what}: the primary is {PrimaryStage}, the secondary {SecondaryStage}");
        }

        Look();
    }

    private void Pass(int milliseconds)
    {
        scheduler.RunFor(Scheduler.Ticks(milliseconds));
        Look();
    }

    private void Look()
    {
        pair.Observe();
        pair.CheckPrimaryDisks();
        pair.CheckMarks();
    }
}
