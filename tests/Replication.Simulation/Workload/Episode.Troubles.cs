using Replication.Block.State;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <remarks>What goes wrong, and who puts it right.</remarks>
internal sealed partial class Episode
{
    private void ArrangeTroubles()
    {
        _troubles.Add(_random.Next(3), () => Kill(_pair.Primary));
        _troubles.Add(_random.Next(3), () => Kill(_pair.Secondary));
        _troubles.Add(_random.Next(2), () => DieAtWrite(_pair.Primary));
        _troubles.Add(_random.Next(3), () => DieAtWrite(_pair.Secondary));
        _troubles.Add(_random.Next(2), ShutDown);
        _troubles.Add(_random.Next(3), Cut);
        _troubles.Add(1 + _random.Next(3), () => _pair.BreakConnections(_random.Next(3) == 0));
        _troubles.Add(_random.Next(2), StopProcess);
        _troubles.Add(_random.Next(2), () => Verb(() => _controller.Failover(_pair.Secondary, force: _random.Next(2) == 0)));
        _troubles.Add(_random.Next(2), () => Verb(() => _controller.Failover(_pair.Primary, force: false)));
        _troubles.Add(_random.Next(2), FreezeThroughFailover);
        // Storage fails in some lives, hangs in some, and is sound in the rest.
        _troubles.Add(Math.Max(0, _random.Next(7) - 2), FailStorage);
        _troubles.Add(Math.Max(0, _random.Next(6) - 2), HangStorage);
        _strikes.Add(3, () => _pair.BreakConnections(_random.Next(3) == 0));
        _strikes.Add(2, () => _pair.Cut(_pair.ToPrimary, "the way to the primary"));
        _strikes.Add(2, () => Kill(_pair.Primary));
        _strikes.Add(2, () => Kill(_pair.Secondary));
        _strikes.Add(1, () => Stop(_pair.Secondary));
    }

    // Harm at a moment that matters, which chance alone would seldom hit.
    private void Strike(double chance, Action harm)
    {
        if (_random.NextDouble() < (_strike == 0 ? 0 : chance))
            _scheduler.Schedule(_pair.World, _random.Next(2) == 0 ? 0 : _random.NextInt64(Scheduler.Ticks(2)), harm);
    }

    // Killed with its n-th write from now on under way, or the n-th of those whose order matters most.
    private void DieAtWrite(SimulatedHost host)
    {
        if (!host.IsUp)
            return;
        switch (_random.Next(3))
        {
            case 0:
                host.Faults.KillAtWrite(_random.Next(1, 40), () => Kill(host));
                break;
            case 1:
                host.Faults.KillAtWrite(
                    _random.Next(1, 8), () => Kill(host),
                    name => name.EndsWith(".marks", StringComparison.Ordinal) || name.EndsWith(".dirty", StringComparison.Ordinal));
                break;
            default:
                host.Faults.KillAtWrite(_random.Next(1, 4), () => Kill(host), name => name == Storage.SimulatedDirectory.RecordNode);
                break;
        }
    }

    // The commit takes a few writes, and is over before anything else could happen to it: what it clears of the overlays' marks is the heart of it.
    private void DieInCommit()
    {
        // Beside a frozen primary it is the freeze that is looked at.
        if (_strike == 0 || _thaws)
            return;
        int which = _random.Next(6);
        if (which == 0)
            DieAtWrite(_pair.Secondary);
        else if (which == 1)
            FailStorage(_pair.Secondary);
        else if (which != 2)
        {
            _pair.Secondary.Faults.KillAtWrite(
                _random.Next(1, 2 + 2 * _pair.Settings.DiskBytes.Length), () => Kill(_pair.Secondary),
                name => name.EndsWith(".marks", StringComparison.Ordinal));
        }
    }

    private void Kill(SimulatedHost host)
    {
        if (!host.IsUp)
            return;
        if (host == _pair.Primary)
            _pair.PrimaryWasAway = true;
        _pair.Kill(host);
    }

    private void ShutDown()
    {
        SimulatedHost host = _random.Next(2) == 0 ? _pair.Primary : _pair.Secondary;
        if (host.Serving is null || host.IsEnding || host.Process!.IsStopped)
            return;
        _tell($"{host.Name} is shut down");
        if (host == _pair.Primary)
            _pair.PrimaryWasAway = true;
        host.ShutDown(() => _pair.InFlight.All(operation => operation.Host != host));
    }

    private void Boot()
    {
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            if (!host.IsUp && _random.Next(2) == 0)
                BootNow(host);
        }
    }

    // A process that was shut down has no requests left; one that was killed has been forgotten already.
    private void BootNow(SimulatedHost host) => _pair.Boot(host);

    private void Cut()
    {
        int which = _random.Next(3);
        if (which != 0)
            _pair.Cut(_pair.ToSecondary, "the way to the secondary");
        if (which != 1)
            _pair.Cut(_pair.ToPrimary, "the way to the primary");
    }

    private void Heal()
    {
        if (_pair.ToPrimary.IsCut || _pair.ToSecondary.IsCut)
            _pair.Heal();
    }

    private void StopProcess() => Stop(_random.Next(2) == 0 ? _pair.Primary : _pair.Secondary);

    private void Stop(SimulatedHost host)
    {
        if (!host.IsUp || host.IsEnding || host.Process!.IsStopped)
            return;
        _tell($"{host.Name} is stopped");
        if (host == _pair.Primary)
        {
            _pair.PrimaryWasAway = true;
            _pair.NoteFreeze();
        }
        else
        {
            _pair.NoteTrouble();
        }

        host.Process.Stop();
    }

    // Its primary has answered that it holds; then nothing moves for so long that the hold may be over.
    private void FreezeWhileHeld()
    {
        if (_strike == 0 || _random.Next(3) != 0)
            return;
        Stop(_pair.Secondary);
        _sleepsUntil = _scheduler.Now + TimeSpan.FromSeconds(_random.Next(2) == 0 ? _random.Next(1, 12) : _random.Next(16, 25)).Ticks;
        _scheduler.Schedule(_pair.World, _sleepsUntil - _scheduler.Now, Continue);
    }

    private void FailOver()
    {
        if (_freezesThrough)
            FreezeThroughFailover();
        else
            Verb(() => _controller.Failover(_pair.Secondary, force: _random.Next(2) == 0));
    }

    // A paused VM: its secondary is promoted meanwhile, without its answer, and it goes on as if nothing had happened.
    private void FreezeThroughFailover()
    {
        if (_pair.PromotedAt is not null || _controller.UnderWay.Count > 0)
            return;
        // Calm before it, so that nothing but the freeze is in the primary's way when it goes on; first of all there has to be a pair.
        _calmUntil = Steps + 100;
        if (PrimaryStage != NodeStage.Replicating)
        {
            Heal();
            Continue();
            Mend();
            return;
        }

        if (_pair.IsFaulty || !Quiesce(TimeSpan.FromSeconds(2).Ticks))
            return;
        _scheduler.RunFor(Scheduler.Ticks(1400));
        _calmUntil = 0;
        Stop(_pair.Primary);
        _controller.Failover(_pair.Secondary, force: true);
        _sleepsUntil = _scheduler.Now + TimeSpan.FromSeconds(_random.Next(6, 9)).Ticks;
        _thaws = true;
        // Promoted by now: its hold's question has a patience of 5 s. Then what the primary's guest has sent meanwhile.
        _scheduler.Schedule(_pair.World, TimeSpan.FromSeconds(5.4).Ticks, _pair.Observe);
        for (int i = 0; i < GuestDepth / 2; i++)
            _scheduler.Schedule(_pair.World, TimeSpan.FromSeconds(5.5).Ticks, () => Write(_pair.Primary));
    }

    private void Continue()
    {
        _thaws = false;
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            if (host.Process is { IsStopped: true, IsAlive: true } process)
            {
                _tell($"{host.Name} goes on");
                if (host == _pair.Primary)
                    _pair.NoteThaw();
                else
                    _pair.NoteTrouble();
                process.Continue();
            }
        }
    }
}
