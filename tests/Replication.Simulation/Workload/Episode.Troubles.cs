using Replication.Simulation.Cluster;

namespace Replication.Simulation.Workload;

/// <remarks>What goes wrong, and who puts it right.</remarks>
internal sealed partial class Episode
{
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

    private void StopProcess()
    {
        SimulatedHost host = _random.Next(2) == 0 ? _pair.Primary : _pair.Secondary;
        if (!host.IsUp || host.IsEnding)
            return;
        _tell($"{host.Name} is stopped");
        if (host == _pair.Primary)
            _pair.PrimaryWasAway = true;
        host.Process!.Stop();
    }

    private void Continue()
    {
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            if (host.Process is { IsStopped: true, IsAlive: true } process)
            {
                _tell($"{host.Name} goes on");
                process.Continue();
            }
        }
    }
}
