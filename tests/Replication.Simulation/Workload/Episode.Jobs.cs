using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <remarks>Backups and bitmaps beside everything else, in most lives; and targets that fail where the rest is sound, too.</remarks>
internal sealed partial class Episode
{
    private const int JobRounds = 600;

    private bool _targetsFail;

    private void ArrangeJobs()
    {
        int weight = _random.Next(3) switch { 0 => 0, 1 => 5, _ => 16 };
        _targetsFail = _random.Next(2) == 0;
        _work.Add(weight, () => _jobs.Act(_random.Next(3) == 0 ? _pair.Secondary : _pair.Primary));
        _work.Add(weight > 0 && _targetsFail ? 1 : 0, HarmTarget);
    }

    // A mirrored write that fails for a backup is the end of a mirror, which a life without trouble is to keep.
    private void HarmTarget()
    {
        SimulatedHost host = _trouble > 0 && _random.Next(2) == 0 ? _pair.Secondary : _pair.Primary;
        _jobs.HarmTarget(host, after => _scheduler.Schedule(_pair.World, after, Mend));
    }

    // Whatever is under way comes to its end; then each bitmap shows what it is for.
    private void EndJobs()
    {
        WindDownJobs();
        for (int disk = 0; disk < _pair.Settings.DiskBytes.Length; disk++)
        {
            foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
                _jobs.RestoreByBitmaps(host, disk);
            WindDownJobs();
        }
    }

    private void WindDownJobs()
    {
        for (int round = 0; round < JobRounds; round++)
        {
            bool areOver = _jobs.WindDown(_pair.Primary) & _jobs.WindDown(_pair.Secondary);
            _scheduler.RunFor(Scheduler.Ticks(100));
            Look();
            if (areOver)
                return;
        }

        throw _pair.Fail("jobs hang although nothing is in their way");
    }
}
