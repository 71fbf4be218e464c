using Replication.Block.State;
using Replication.Roles;

namespace Replication.Simulation.Workload;

/// <remarks>What operators and controllers ask for, where it makes sense; a verb that has been overtaken is refused, and says so.</remarks>
internal sealed partial class Episode
{
    private NodeStage? PrimaryStage => _pair.Primary.Serving?.GetStatus().Stage;

    private void Verb(Action verb)
    {
        // Verbs may meet, but seldom do.
        if (_controller.UnderWay.Count == 0 || (_controller.UnderWay.Count < 3 && _random.Next(10) == 0))
            verb();
    }

    // A second controller comes while a first one is slow, as one does that has given the first up.
    private void Checkpoint()
    {
        if (PrimaryStage == NodeStage.Replicating && _controller.UnderWay.Count < 3 && (_controller.UnderWay.Count == 0 || _random.Next(3) == 0))
            _controller.Checkpoint(CheckpointPlan.Draw(_random, _pair.Settings.Deadline));
    }

    // A late commit of the same cut may have taken the epoch: the first attempt finds out, the second one has the next.
    private void CheckpointForCertain()
    {
        long before = _pair.CommittedAt;
        for (int i = 0; i < 2 && _pair.CommittedAt == before; i++)
        {
            _controller.Checkpoint(CheckpointPlan.Plain);
            Quiesce(s_patience);
        }
    }

    private void CheckpointOfIncomplete()
    {
        // A sync may make it complete before the verb's turn comes.
        if (_pair.Secondary.Serving?.GetStatus() is { Incomplete: true, Stage: NodeStage.Running }
            && PrimaryStage is not (NodeStage.Syncing or NodeStage.Resyncing))
            _controller.CheckpointOfIncomplete();
    }

    private void Start() => Verb(() =>
    {
        if (_pair.Secondary.Serving?.GetStatus().Stage == NodeStage.FailoverFailed)
            _controller.Failover(_pair.Secondary, force: false);
        else if (PrimaryStage is NodeStage.Standalone or NodeStage.Detached or NodeStage.Stopped or NodeStage.Waiting)
            _controller.Start(_random.Next(4) == 0 ? SyncMode.Full : SyncMode.Auto, abandonView: _random.Next(8) == 0);
    });

    private void Resync() => Verb(() =>
    {
        if (PrimaryStage is NodeStage.Detached or NodeStage.Waiting)
            _controller.Resync(abandonView: _random.Next(8) == 0);
    });

    private void Verify() => Verb(() =>
    {
        if (PrimaryStage == NodeStage.Replicating)
            _controller.Verify(repair: _random.Next(2) == 0);
    });

    // The disks are copies of each other: the operator says so, and nothing travels.
    private void StartEqual()
    {
        double strike = _strike;
        _strike = 0;
        _controller.Start(SyncMode.None);
        Quiesce(s_patience);
        _strike = strike;
        if (PrimaryStage != NodeStage.Replicating || !_pair.CheckReplica())
            throw _pair.Fail($"start --sync none of equal disks leaves the primary {PrimaryStage}");
    }

    // A block of the secondary's disk changes by itself. Nobody reads there before it has been found and repaired, and made part of a view by a checkpoint.
    private void RotAndRepair()
    {
        if (_pair.PromotedAt is not null || _pair.Settings.OverlayIsSmall || !_pair.SecondaryJobs.IsIdle || _pair.IsFaulty
            || !Quiesce(TimeSpan.FromSeconds(3).Ticks) || !_pair.CheckReplica())
            return;
        Storage.Medium disk = _pair.Secondary.Disks[_random.Next(_pair.Secondary.Disks.Length)];
        long rotten = _random.NextInt64(disk.LengthBytes);
        _pair.NoteFault($"byte {rotten} of the secondary's {disk.Name} rots");
        _pair.IsRotten = true;
        byte[] before = [.. disk.Content];
        disk.Rot(rotten);
        _pair.SecondaryJobs.Forgive(Array.IndexOf(_pair.Secondary.Disks, disk), before);
        _controller.Verify(repair: true);
        Quiesce(s_patience);
        CheckpointForCertain();
        _pair.IsRotten = false;
        Look();
        if (!_pair.CheckReplica())
            throw _pair.Fail("a verify has repaired the secondary's disk, and the pair has no checkpoint since");
    }
}
