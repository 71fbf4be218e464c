using Replication.Block;

namespace Replication.Simulation.Storage;

/// <summary>What a loss of power may take from a medium: of each sector the content that is safe, and every one that it has had since.</summary>
/// <remarks>
/// The page cache may write a sector out at any moment, as it is then. So after a loss of power a sector has any of its versions, whatever became of its
/// neighbours; a flush makes safe what had landed before it was asked for, and no more.
/// </remarks>
internal sealed class UnflushedSectors(WriteOrder order)
{
    private readonly SortedDictionary<int, List<Version>> _sectors = [];

    /// <summary>Sectors that may be lost, and their versions, oldest first: the first one is safe.</summary>
    public IEnumerable<(int Sector, IReadOnlyList<Version> Versions)> Sectors => _sectors.Select(pair => (pair.Key, (IReadOnlyList<Version>)pair.Value));

    /// <summary>What a flush that is asked for now will have made safe.</summary>
    public long Mark => order.Last;

    /// <summary>Before these bytes change.</summary>
    public void Touch(Medium medium, BlockRange range)
    {
        for (int sector = First(range); (long)sector * Medium.SectorBytes < range.EndBytes; sector++)
        {
            if (!_sectors.ContainsKey(sector))
                _sectors.Add(sector, [new Version(0, medium.SectorAt(sector), medium.IsAllocated(sector))]);
        }
    }

    /// <summary>They have changed.</summary>
    public void Add(Medium medium, BlockRange range)
    {
        long at = order.Next();
        for (int sector = First(range); (long)sector * Medium.SectorBytes < range.EndBytes; sector++)
            _sectors[sector].Add(new Version(at, medium.SectorAt(sector), medium.IsAllocated(sector)));
    }

    /// <summary>What had landed by then is safe: everywhere, or in a range.</summary>
    public void Flushed(long mark, BlockRange? range = null)
    {
        foreach ((int sector, List<Version> versions) in _sectors.ToArray())
        {
            if (range is { } only && !only.Overlaps(new BlockRange((long)sector * Medium.SectorBytes, Medium.SectorBytes)))
                continue;
            int safe = versions.FindLastIndex(version => version.Order <= mark);
            versions.RemoveRange(0, safe);
            if (versions.Count == 1)
                _sectors.Remove(sector);
        }
    }

    private static int First(BlockRange range) => (int)(range.OffsetBytes / Medium.SectorBytes);

    /// <summary>What a sector held from its write on.</summary>
    internal sealed record Version(long Order, byte[] Content, bool IsAllocated);
}
