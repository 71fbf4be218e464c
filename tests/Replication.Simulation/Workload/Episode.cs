using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <summary>The life of one pair: random work and trouble, step by step, and in the end a world that is made whole again and must work.</summary>
/// <remarks>
/// One file a concern: this one is the life's course, Guests draws requests, Verbs asks for what an operator may ask for, Troubles does harm and Storage does
/// it to disks and files. A step is one action and whatever the scheduler makes of it meanwhile; after each the checkers look.
/// </remarks>
internal sealed partial class Episode
{
    private const int GuestDepth = 8;
    private static readonly long s_patience = TimeSpan.FromSeconds(60).Ticks;

    private readonly Scheduler _scheduler;
    private readonly Random _random;
    private readonly Action<string> _tell;
    private readonly Pair _pair;
    private readonly Controller _controller;
    private readonly JobOperator _jobs;
    private readonly Mix _work = new();
    private readonly Mix _troubles = new();
    private readonly Mix _repairs = new();
    private readonly Mix _aftermath = new();
    private readonly Mix _strikes = new();
    private double _trouble;
    private double _strike;
    private long _sleepsUntil;
    private bool _thaws;
    private readonly int _pace;
    private readonly int _failsOverAt;
    private readonly bool _freezesThrough;
    private int _calmUntil;
    private int _stepsAfterPromotion;

    public Episode(Scheduler scheduler, Action<string> tell)
    {
        (_scheduler, _random, _tell) = (scheduler, scheduler.Random, tell);
        PairSettings settings = PairSettings.Draw(_random);
        tell($"a pair of {settings.DiskBytes.Length} disks ({string.Join(", ", settings.DiskBytes)} bytes, blocks of "
            + $"{settings.BlockBytes}), acknowledge {settings.Acknowledge}");
        _pair = new Pair(scheduler, settings, tell);
        _controller = new Controller(_pair, tell);
        _jobs = new JobOperator(_pair, _random, tell);
        _pace = _random.Next(3) switch { 0 => 4, 1 => 15, _ => 60 };
        _failsOverAt = _random.Next(60, 400);
        Arrange();
        _freezesThrough = _trouble > 0 && _random.Next(3) == 0;
        // A first commit makes the pair; there is one of it for many later ones.
        _pair.AtCommitted = () => Strike(PrimaryStage == NodeStage.Syncing ? 0.35 : _strike, _strikes.Draw(_random));
        _pair.AtHeld = FreezeWhileHeld;
        _pair.AtPromoting = DieInCommit;
        _pair.Boot(_pair.Primary);
        _pair.Boot(_pair.Secondary);
        _scheduler.RunFor(Scheduler.Ticks(1000));
        if (settings.DisksAreEqual)
            StartEqual();
    }

    /// <summary>Steps that this episode has made.</summary>
    public int Steps { get; private set; }

    /// <summary>True when nothing more can come of it: both sides have parted for good.</summary>
    public bool IsOver => _stepsAfterPromotion > 120;

    public void Step()
    {
        Steps++;
        if (_pair.PromotedAt is not null)
            _stepsAfterPromotion++;
        Draw()();
        Advance();
        Look();
    }

    /// <summary>Everything is made whole; then the pair must do what it is for.</summary>
    public void Finish()
    {
        _tell("the episode ends: everything is made whole");
        Recover();
        Quiesce(s_patience);
        if (_pair.Secondary.Serving?.GetStatus().Stage == NodeStage.FailoverFailed)
        {
            // Its disk has failed under the commit: the operator repeats the verb.
            _controller.Failover(_pair.Secondary, force: false);
            Quiesce(s_patience);
        }

        if (_controller.UnderWay.Count > 0)
            throw _pair.Fail($"verbs hang although nothing is in their way: {string.Join(", ", _controller.UnderWay)}");
        if (_pair.InFlight.Count > 0)
            throw _pair.Fail($"requests hang although nothing is in their way: {_pair.InFlight[0]}");
        EndJobs();
        CheckAll();
        _pair.CheckTwoHeadsAreTold();
        if (_pair.PromotedAt is null)
            StartAgain();
        CheckAll();
        if (_pair.PromotedAt is not null && !_pair.CheckCommitted())
            throw _pair.Fail($"the promoted secondary does not get to its commit's end: it is {_pair.Secondary.Serving?.GetStatus().Stage}");
    }

    /// <summary>
    /// A life with everything in it (start, writes, a checkpoint, a failover, its commit), in which one of the
    /// hosts dies at its n-th write, and is put right. False: it made fewer.
    /// </summary>
    public bool PlayThrough(bool secondaryDies, int atWrite)
    {
        SimulatedHost victim = secondaryDies ? _pair.Secondary : _pair.Primary;
        bool died = false;
        _pair.FailuresAreExpected = true;
        (_trouble, _strike) = (0, 0);
        victim.Faults.KillAtWrite(atWrite, () =>
        {
            died = true;
            _pair.PrimaryWasAway |= !secondaryDies;
            _pair.Kill(victim);
        });
        long soon = TimeSpan.FromSeconds(4).Ticks;
        _controller.Start(SyncMode.Auto);
        Quiesce(soon);
        WriteBoth(10);
        _controller.Checkpoint(CheckpointPlan.Plain);
        WriteBoth(6);
        Quiesce(soon);
        WriteBoth(10);
        _controller.Failover(_pair.Secondary, force: true);
        WriteBoth(6);
        Quiesce(soon);
        victim.Faults.KillAtWrite(0, () => { });
        Finish();
        return died;
    }

    private void WriteBoth(int times)
    {
        for (int i = 0; i < times; i++)
        {
            Write(_pair.Primary);
            Write(_pair.Secondary);
            Advance();
            Look();
        }
    }

    private void StartAgain()
    {
        NodeStage stage = _pair.Primary.Serving!.GetStatus().Stage;
        if (stage != NodeStage.Replicating)
        {
            _controller.Start(SyncMode.Auto);
            Quiesce(s_patience);
        }

        if (_pair.Primary.Serving!.GetStatus().Stage == NodeStage.Waiting)
        {
            // Killed just before its first commit, it had a peer that knows nothing of it: the operator's word is needed.
            _controller.Failover(_pair.Primary, force: false);
            Quiesce(s_patience);
            _controller.Start(SyncMode.Auto);
            Quiesce(s_patience);
        }

        if (_pair.Settings.OverlayIsSmall && _pair.Primary.Serving!.GetStatus().Stage != NodeStage.Replicating)
        {
            _controller.Start(SyncMode.Auto, abandonView: true);
            Quiesce(s_patience);
        }

        CheckpointForCertain();
        stage = _pair.Primary.Serving!.GetStatus().Stage;
        if (stage != NodeStage.Replicating)
            throw _pair.Fail($"the pair does not come back: the primary is {stage}, the secondary {_pair.Secondary.Serving!.GetStatus().Stage}");
        if (!_pair.CheckReplica())
            throw _pair.Fail("the pair replicates, and yet its mirror is not whole");
    }

    // Work most of the time, trouble now and then, and somebody who puts things right again.
    private void Arrange()
    {
        _trouble = _random.Next(4) switch { 0 => 0, 1 => 0.01, 2 => 0.03, _ => 0.08 };
        _strike = _trouble == 0 ? 0 : _random.Next(1, 4) * 0.05;
        _pair.FailuresAreExpected = _trouble > 0;
        _work.Add(30, () => Write(_pair.Primary));
        _work.Add(_random.Next(2) == 0 ? 15 : 30, () => Write(_pair.Secondary));
        _work.Add(5, () => Read(_pair.Primary));
        _work.Add(14, () => Read(_pair.Secondary));
        _work.Add(5, Meet);
        _work.Add(3, () => Flush(_random.Next(2) == 0 ? _pair.Primary : _pair.Secondary));
        _work.Add(5, () => _scheduler.RunFor(Scheduler.Ticks(_random.Next(1, 60))));
        _work.Add(_random.Next(2), () => _scheduler.RunFor(Scheduler.Ticks(_random.Next(200, 3000))));
        _work.Add(_random.Next(3, 10), Checkpoint);
        _work.Add(2, Settle);
        _work.Add(2, CheckpointOfIncomplete);
        _work.Add(1, Verify);
        _work.Add(_random.Next(2), () => Verb(_controller.Stop));
        _work.Add(_trouble == 0 ? 1 : 0, RotAndRepair);
        ArrangeJobs();
        ArrangeTroubles();
        _repairs.Add(2, Boot);
        _repairs.Add(2, Heal);
        _repairs.Add(2, Continue);
        _repairs.Add(2, Mend);
        _repairs.Add(3, Start);
        _repairs.Add(_pair.Settings.Resync == ResyncPolicy.Manual ? 3 : 1, Resync);
        _aftermath.Add(6, () => Write(_pair.Primary));
        _aftermath.Add(2, () => Kill(_pair.Primary));
        _aftermath.Add(2, () => Kill(_pair.Secondary));
        _aftermath.Add(2, () => DieAtWrite(_pair.Secondary));
        _aftermath.Add(4, Boot);
    }

    private Action Draw()
    {
        if (_sleepsUntil > _scheduler.Now)
            return () => _scheduler.RunFor(_sleepsUntil - _scheduler.Now);
        if (_thaws)
            return Continue;
        // The commit is short, and so is the time in which an old primary finds out.
        if (_pair.PromotedAt is not null && _trouble > 0 && _random.Next(4) == 0)
            return _aftermath.Draw(_random);
        if (Steps > _calmUntil && _random.NextDouble() < _trouble)
            return _troubles.Draw(_random);
        // Most pairs end in a failover: what it needs and what it leaves is half of what there is to see.
        if (Steps > _failsOverAt && _pair.PromotedAt is null && _random.Next(10) == 0)
            return FailOver;
        return (_random.Next(12) == 0 ? _repairs : _work).Draw(_random);
    }

    private void Advance()
    {
        int events = _random.Next(_pace);
        long until = _scheduler.Now + _random.NextInt64(Scheduler.Ticks(10));
        for (int i = 0; i < events && _scheduler.Step(until); i++)
        {
        }
    }

    private void Look()
    {
        _pair.Observe();
        _pair.CheckPrimaryDisks();
        _pair.CheckNobodyWaitsLong();
        _pair.CheckMarks();
        _pair.CheckPeerIsOnRecord();
        _pair.CheckJobs();
    }

    private void Settle()
    {
        if (Quiesce(TimeSpan.FromSeconds(3).Ticks))
            CheckAll();
    }

    private void Recover()
    {
        (_trouble, _strike) = (0, 0);
        Heal();
        Continue();
        Mend();
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
            host.Faults.KillAtWrite(0, () => { });
        _scheduler.RunFor(TimeSpan.FromSeconds(20).Ticks);
        Look();
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            // A primary that could not record the loss of its mirror acknowledges nothing until it is restarted.
            if (host.IsUp && host.FailedRecords > 0)
                Kill(host);
            if (!host.IsUp)
                BootNow(host);
        }

        _scheduler.RunFor(TimeSpan.FromSeconds(10).Ticks);
        Look();
    }

    /// <summary>Lets everything under way come to its end; false where something does not.</summary>
    private bool Quiesce(long within)
    {
        long until = _scheduler.Now + within;
        while (_scheduler.Now < until && (_pair.InFlight.Count > 0 || _controller.UnderWay.Count > 0))
        {
            _scheduler.RunFor(Scheduler.Ticks(50));
            Look();
        }

        bool quiet = _pair.InFlight.Count == 0 && _controller.UnderWay.Count == 0;
        if (quiet)
        {
            _scheduler.RunFor(Scheduler.Ticks(700));
            Look();
        }

        return quiet;
    }

    private void CheckAll()
    {
        _pair.CheckReplica();
        _pair.CheckCommitted();
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            for (int disk = 0; disk < _pair.Settings.DiskBytes.Length; disk++)
                _pair.Issue(host, BlockOperation.Read, disk, new BlockRange(0, _pair.Settings.DiskBytes[disk]));
        }

        _scheduler.RunFor(Scheduler.Ticks(500));
        Look();
    }
}
