namespace Replication.Interop.Kill;

/// <summary>The stamps of one place's cells, over all disks.</summary>
internal sealed class PlaceImage
{
    private const int None = -1; // no write's stamp

    private readonly IReadOnlyList<CellRange> _regions;
    private readonly int[][] _cells; // by disk, from the region's first cell on

    private PlaceImage(IReadOnlyList<CellRange> regions, int[][] cells) => (_regions, _cells) = (regions, cells);

    /// <summary>The place's part of whole disks.</summary>
    public static PlaceImage Of(IReadOnlyList<CellRange> regions, IReadOnlyList<int[]> disks) =>
        new(regions, [.. regions.Select((region, disk) => disks[disk].AsSpan(region.First, region.Count).ToArray())]);

    /// <summary>An overlay that covers nothing yet.</summary>
    public static PlaceImage Nothing(IReadOnlyList<CellRange> regions)
    {
        var overlay = new PlaceImage(regions, [.. regions.Select(region => new int[region.Count])]);
        foreach (int[] cells in overlay._cells)
            cells.AsSpan().Fill(None);
        return overlay;
    }

    public PlaceImage Copy() => new(_regions, [.. _cells.Select(cells => (int[])cells.Clone())]);

    public void Apply(StampedWrite write) => CellsOf(write).Fill(write.Stamp);

    /// <summary>Fills what no later write has covered.</summary>
    public void ApplyUnder(StampedWrite write)
    {
        foreach (ref int cell in CellsOf(write))
        {
            if (cell == None)
                cell = write.Stamp;
        }
    }

    /// <summary>
    /// This is what is left of <paramref name="below"/> under <paramref name="overlay"/>; or, inside a
    /// write that was never answered, what that write would have left.
    /// </summary>
    public bool Shows(PlaceImage below, PlaceImage overlay, StampedWrite? open)
    {
        for (int disk = 0; disk < _cells.Length; disk++)
        {
            int[] found = _cells[disk];
            int[] under = below._cells[disk];
            int[] over = overlay._cells[disk];
            for (int i = 0; i < found.Length; i++)
            {
                if (found[i] != (over[i] == None ? under[i] : over[i]) && !IsOf(open, disk, i, found[i]))
                    return false;
            }
        }

        return true;
    }

    public IEnumerable<(int Disk, int Cell, int Found, int Wanted)> Differences(PlaceImage wanted)
    {
        for (int disk = 0; disk < _cells.Length; disk++)
        {
            for (int i = 0; i < _cells[disk].Length; i++)
            {
                if (_cells[disk][i] != wanted._cells[disk][i])
                    yield return (disk, _regions[disk].First + i, _cells[disk][i], wanted._cells[disk][i]);
            }
        }
    }

    private bool IsOf(StampedWrite? open, int disk, int index, int stamp)
    {
        int cell = _regions[disk].First + index;
        return open is { } write && write.Disk == disk && stamp == write.Stamp && cell >= write.FirstCell && cell < write.FirstCell + write.Count;
    }

    private Span<int> CellsOf(StampedWrite write) => _cells[write.Disk].AsSpan(write.FirstCell - _regions[write.Disk].First, write.Count);
}
