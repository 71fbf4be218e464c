using Replication.Block;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Workload;

/// <remarks>The guests' requests: any offset and length, often where others are under way.</remarks>
internal sealed partial class Episode
{
    private void Write(SimulatedHost host)
    {
        if (_pair.InFlight.Count(operation => operation.Host == host) >= GuestDepth)
            return;
        int disk = _random.Next(_pair.Settings.DiskBytes.Length);
        BlockOperation kind = _random.Next(8) switch { 0 => BlockOperation.WriteZeroes, 1 => BlockOperation.Discard, _ => BlockOperation.Write };
        _pair.Issue(host, kind, disk, DrawRange(disk));
    }

    private void Read(SimulatedHost host)
    {
        int disk = _random.Next(_pair.Settings.DiskBytes.Length);
        _pair.Issue(host, BlockOperation.Read, disk, _random.Next(4) == 0 ? new BlockRange(0, _pair.Settings.DiskBytes[disk]) : DrawRange(disk));
    }

    // A reader of the secondary and both sides' writers at one block, each a little after the one before: what the reader sees
    // depends on how far each of them is.
    private void Meet()
    {
        int disk = _random.Next(_pair.Settings.DiskBytes.Length);
        long block = _pair.Settings.BlockBytes;
        long first = _random.NextInt64((_pair.Settings.DiskBytes[disk] + block - 1) / block) * block;
        var range = new BlockRange(first, Math.Min(block, _pair.Settings.DiskBytes[disk] - first));
        (SimulatedHost Host, BlockOperation Kind)[] three =
        [
            (_pair.Secondary, BlockOperation.Read),
            (_pair.Secondary, BlockOperation.Write),
            (_pair.Primary, BlockOperation.Write),
        ];
        if (_random.Next(2) == 0)
            _random.Shuffle(three);
        foreach ((SimulatedHost host, BlockOperation kind) in three)
        {
            _pair.Issue(host, kind, disk, range);
            for (int events = _random.Next(4); events > 0 && _scheduler.Step(_scheduler.Now + Scheduler.Ticks(1)); events--)
            {
            }
        }
    }

    private void Flush(SimulatedHost host) => _pair.Issue(host, BlockOperation.Flush, _random.Next(_pair.Settings.DiskBytes.Length), default);

    private BlockRange DrawRange(int disk)
    {
        long length = _pair.Settings.DiskBytes[disk];
        int block = _pair.Settings.BlockBytes;
        // A few hot blocks, so that requests meet.
        long first = _random.Next(3) == 0 ? _random.NextInt64(Math.Min(4 * block, length)) : _random.NextInt64(length);
        switch (_random.Next(10))
        {
            case < 4:
                first -= first % block;
                return new BlockRange(first, Math.Min(length - first, (long)block * _random.Next(1, 4)));
            case < 7:
                first -= first % 512;
                return new BlockRange(first, Math.Min(length - first, 512L * _random.Next(1, 24)));
            case < 9:
                return new BlockRange(first, Math.Min(length - first, _random.Next(1, 3 * block)));
            default:
                return _random.Next(3) == 0 ? new BlockRange(0, length) : new BlockRange(first, length - first);
        }
    }
}
