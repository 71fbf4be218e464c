using Replication.Block;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <remarks>
/// Disks and files that fail or hang. What that permits: a guest's request fails, and what it was writing is there, or not, or in part, sector by sector (the
/// models keep it as an alternative); a verb fails and is undone; the mirror is lost; a node whose record can be neither written nor kept ends, and one that
/// cannot read its storage does not begin. What it does not permit is everything else: no other byte changes, the view stays whole, and what differs is marked.
/// </remarks>
internal sealed partial class Episode
{
    // The last two are a secondary's alone.
    private static readonly (string What, Func<string, bool> Matches)[] s_places =
    [
        ("disks", name => name.StartsWith("disk", StringComparison.Ordinal) && !name.Contains('.', StringComparison.Ordinal)),
        ("dirty marks", name => name.EndsWith(".dirty", StringComparison.Ordinal)),
        ("records", name => name == Storage.SimulatedDirectory.RecordNode),
        ("manifest", name => name == "manifest"),
        ("bitmaps", name => name.Contains("bitmap", StringComparison.Ordinal)),
        ("active disks", name => name.Contains(".active", StringComparison.Ordinal)),
        ("hidden disks", name => name.Contains(".hidden", StringComparison.Ordinal)),
    ];

    private static readonly BlockOperation[][] s_requests =
    [
        [BlockOperation.Write, BlockOperation.WriteZeroes, BlockOperation.Discard],
        [BlockOperation.Write, BlockOperation.WriteZeroes, BlockOperation.Discard, BlockOperation.Flush],
        [BlockOperation.Read],
    ];

    private void FailStorage() => FailStorage(_random.Next(2) == 0 ? _pair.Primary : _pair.Secondary);

    private void FailStorage(SimulatedHost host)
    {
        (string what, Func<string, bool> matches) = s_places[_random.Next(s_places.Length - (host == _pair.Primary ? 2 : 0))];
        int errno = _random.Next(2) == 0 ? Errno.EIO : Errno.ENOSPC;
        int count = _random.Next(2) == 0 ? _random.Next(2, 40) : 1;
        _pair.NoteFault($"{count} requests to the {host.Name}'s {what} are going to fail with errno {errno}");
        host.Faults.Arm(matches, errno, _random.Next(6), count, s_requests[_random.Next(s_requests.Length)]);
    }

    private void HangStorage()
    {
        SimulatedHost host = _random.Next(2) == 0 ? _pair.Primary : _pair.Secondary;
        string what;
        switch (_random.Next(4))
        {
            case 0:
                what = "state directory";
                host.State.Hang();
                break;
            case 1:
                what = "overlays";
                host.Overlay.Hang();
                break;
            default:
                Storage.Medium disk = host.Disks[_random.Next(host.Disks.Length)];
                what = disk.Name;
                disk.Hang();
                break;
        }

        _pair.NoteFault($"the {host.Name}'s {what} hangs");
        _scheduler.Schedule(_pair.World, _random.NextInt64(Scheduler.Ticks(_random.Next(2) == 0 ? 400 : 8000)), Mend);
    }

    // Whatever failed or hung does so no longer.
    private void Mend()
    {
        if (!_pair.IsFaulty)
            return;
        _pair.NoteFault("the storage is mended");
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[_pair.Primary, _pair.Secondary])
        {
            host.Faults.Disarm();
            host.Unhang();
            host.Targets.Mend();
        }
    }
}
