namespace Replication.Interop.Kill;

/// <summary>
/// What the disks of a group must hold, by the stamp of every cell, and the check of an image against it. The pair of writers at one place (the primary's guest's and the secondary's)
/// shares its regions, so that both sides write the same blocks; no two places do.
/// </summary>
/// <remarks>
/// A round begins with all three pictures equal (primary, view, base) and empty logs. The view is then the base, a beginning of each primary writer's log (up to the last checkpoint), and
/// over it an end of the secondary writer's log at the same place (since that checkpoint). Where a checkpoint ran beside the writers, how much lies before it is known only within bounds: every
/// choice inside the bounds is tried, place by place.
/// </remarks>
internal sealed class GroupModel
{
    private readonly int[][] _base; // by disk, by cell

    public GroupModel(IReadOnlyList<int[]> content, IReadOnlyList<Writer> primaries, IReadOnlyList<Writer> secondaries)
    {
        _base = [.. content.Select(c => (int[])c.Clone())];
        (Primaries, Secondaries) = (primaries, secondaries);
    }

    public IReadOnlyList<Writer> Primaries { get; }

    public IReadOnlyList<Writer> Secondaries { get; }

    /// <summary>A new round begins at what was read, and proved to be right.</summary>
    public void Rebase(IReadOnlyList<int[]> content)
    {
        for (int disk = 0; disk < _base.Length; disk++)
            content[disk].CopyTo(_base[disk], 0);
        foreach (Writer writer in Primaries.Concat(Secondaries))
            writer.Forget();
    }

    /// <summary>The primary's disks: everything that was acknowledged, in its order; a write that was never answered may be there, in any of its cells.</summary>
    public void CheckPrimary(IReadOnlyList<int[]> image)
    {
        for (int place = 0; place < Primaries.Count; place++)
        {
            Writer writer = Primaries[place];
            int acknowledged = writer.Acknowledged;
            Assert.True(
                Matches(image, place, acknowledged, 0, 0, writer.Sent > acknowledged ? writer[acknowledged] : null),
                $"primary disks, writer {writer.Name}: not what its {acknowledged} acknowledged writes left. {Difference(image, place, acknowledged, 0, 0)}");
        }
    }

    /// <summary>The view after a checkpoint: <paramref name="before"/> of the primary writers' logs lie in it, <paramref name="gone"/> of the secondary writers' do not.</summary>
    public void CheckView(IReadOnlyList<int[]> image, IReadOnlyList<Cut> before, IReadOnlyList<Cut> gone)
    {
        for (int place = 0; place < Primaries.Count; place++)
        {
            if (!CheckPlace(image, place, before[place], gone[place]))
            {
                Assert.Fail(
                    $"view, place {place}: no {before[place]} writes of {Primaries[place].Name} with all but {gone[place]} of the {Secondaries[place].Acknowledged} writes of {Secondaries[place].Name} leave this. "
                    + Difference(image, place, before[place].Minimum, gone[place].Minimum, Secondaries[place].Acknowledged));
            }
        }
    }

    private bool CheckPlace(IReadOnlyList<int[]> image, int place, Cut before, Cut gone)
    {
        Writer own = Secondaries[place];
        int acknowledged = own.Acknowledged;
        StampedWrite? open = own.Sent > acknowledged ? own[acknowledged] : null;
        for (int taken = before.Minimum; taken <= Math.Min(before.Maximum, Primaries[place].Sent); taken++)
        {
            for (int dropped = gone.Minimum; dropped <= Math.Min(gone.Maximum, own.Sent); dropped++)
            {
                if (Matches(image, place, taken, dropped, acknowledged, dropped > acknowledged ? null : open))
                    return true;
            }
        }

        return false;
    }

    /// <summary>Every cell of the place is what it must be, or, inside a write that was never answered, what that write would have left.</summary>
    private bool Matches(IReadOnlyList<int[]> image, int place, int taken, int dropped, int kept, StampedWrite? open)
    {
        int[][] expected = Expected(place, taken, dropped, kept);
        for (int disk = 0; disk < _base.Length; disk++)
        {
            CellRange region = Primaries[place].Regions[disk];
            for (int i = 0; i < region.Count; i++)
            {
                int cell = region.First + i;
                int found = image[disk][cell];
                bool isOpen = open is { } write && write.Disk == disk && cell >= write.FirstCell && cell < write.FirstCell + write.Count && found == write.Stamp;
                if (found != expected[disk][i] && !isOpen)
                    return false;
            }
        }

        return true;
    }

    private string Difference(IReadOnlyList<int[]> image, int place, int taken, int dropped, int kept)
    {
        int[][] expected = Expected(place, taken, dropped, kept);
        var found = new List<string>();
        for (int disk = 0; disk < _base.Length; disk++)
        {
            CellRange region = Primaries[place].Regions[disk];
            for (int i = 0; i < region.Count && found.Count < 20; i++)
            {
                if (image[disk][region.First + i] != expected[disk][i])
                    found.Add($"disk{disk} cell {region.First + i} (block {(region.First + i) / 8}): {Who(image[disk][region.First + i], place)}, expected {Who(expected[disk][i], place)}");
            }
        }

        return $"At the lower bounds differ: {string.Join("; ", found)}";
    }

    private string Who(int stamp, int place)
    {
        foreach (Writer writer in new[] { Primaries[place], Secondaries[place] })
        {
            for (int i = 0; i < writer.Sent; i++)
            {
                if (writer[i].Stamp == stamp)
                    return $"{writer.Name}'s write {i} of {writer.Acknowledged} acknowledged {writer[i]}";
            }
        }

        return $"stamp {stamp} of an earlier round";
    }

    private int[][] Expected(int place, int taken, int dropped, int kept)
    {
        IReadOnlyList<CellRange> regions = Primaries[place].Regions;
        int[][] cells = [.. regions.Select((r, disk) => _base[disk].AsSpan(r.First, r.Count).ToArray())];
        Apply(Primaries[place], 0, taken);
        Apply(Secondaries[place], dropped, kept);
        return cells;

        void Apply(Writer writer, int from, int to)
        {
            for (int i = from; i < to; i++)
            {
                StampedWrite write = writer[i];
                cells[write.Disk].AsSpan(write.FirstCell - regions[write.Disk].First, write.Count).Fill(write.Stamp);
            }
        }
    }
}
