using Replication.Block;
using Replication.Nbd;

namespace Replication.Interop.Kill;

/// <summary>
/// A guest that writes one request after the other, over all disks, into a region of its own on each. So its log is an order: what is acknowledged is a
/// beginning of it, and every true picture of the group at one moment shows a beginning of it, across all disks.
/// </summary>
internal sealed class Writer(string name, StampSource stamps, IReadOnlyList<CellRange> regions, int seed)
{
    private const int MaxCells = 40; // more than two blocks of 4 KiB, aligned to none

    private readonly Random _random = new(seed);
    private readonly List<StampedWrite> _log = []; // guarded by itself
    private volatile int _acknowledged;

    public string Name => name;

    /// <summary>Its region, by disk.</summary>
    public IReadOnlyList<CellRange> Regions => regions;

    /// <summary>How many writes of its log have been acknowledged. Read it before <see cref="Sent"/> for a lower bound, after it for an upper one.</summary>
    public int Acknowledged => _acknowledged;

    public int Sent
    {
        get
        {
            lock (_log)
                return _log.Count;
        }
    }

    public StampedWrite this[int index]
    {
        get
        {
            lock (_log)
                return _log[index];
        }
    }

    /// <summary>Writes until told to stop. A failed write ends it too, and stays in the log as sent and not acknowledged; the failure is the result.</summary>
    public async Task<BlockException?> RunAsync(IReadOnlyList<NbdClientNode> disks, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            StampedWrite write = Next();
            byte[] data = Cells.Encode(write.Stamp, write.Disk, write.FirstCell, write.Count);
            try
            {
                await disks[write.Disk].WriteAsync((long)write.FirstCell * Cells.Bytes, data);
            }
            catch (BlockException e)
            {
                return e;
            }

            _acknowledged++;
        }

        return null;
    }

    /// <summary>What became of a write that was never answered has been seen: the log goes on from there.</summary>
    public void Forget()
    {
        lock (_log)
            _log.Clear();
        _acknowledged = 0;
    }

    private StampedWrite Next()
    {
        int disk = _random.Next(regions.Count);
        CellRange region = regions[disk];
        int count = _random.Next(1, Math.Min(MaxCells, region.Count) + 1);
        // Half of the writes go to a small part, so that blocks are written again and again.
        int reach = _random.Next(2) == 0 ? region.Count : Math.Min(region.Count, 4 * MaxCells);
        var write = new StampedWrite(stamps.Next(), disk, region.First + _random.Next(reach - count + 1), count);
        lock (_log)
            _log.Add(write);
        return write;
    }
}
