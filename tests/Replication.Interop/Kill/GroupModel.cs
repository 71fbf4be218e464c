namespace Replication.Interop.Kill;

/// <summary>
/// What the disks of a group must hold, by the stamp of every cell, and the check of an image against it. The pair of writers at one place (the primary's
/// guest's and the secondary's) shares its regions, so that both sides write the same blocks; no two places do.
/// </summary>
/// <remarks>
/// A round begins with all three pictures equal (primary, view, base) and empty logs. The view is then the base, a beginning of each primary writer's log (up
/// to the last checkpoint), and over it an end of the secondary writer's log at the same place (since that checkpoint). Where a checkpoint ran beside the
/// writers, how much lies before it is known only within bounds: every choice inside the bounds is tried, place by place.
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

    /// <summary>
    /// The primary's disks: everything that was acknowledged, in its order; a write that was never answered may be there, in any of its cells.
    /// </summary>
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

    /// <summary>
    /// The view after a checkpoint: <paramref name="before"/> of the primary writers' logs lie in it, <paramref name="gone"/> of the secondary writers' do not.
    /// </summary>
    public void CheckView(IReadOnlyList<int[]> image, IReadOnlyList<Cut> before, IReadOnlyList<Cut> gone)
    {
        for (int place = 0; place < Primaries.Count; place++)
        {
            if (!CheckPlace(image, place, before[place], gone[place]))
            {
                Assert.Fail(
                    $"view, place {place}: no {before[place]} writes of {Primaries[place].Name} with all but {gone[place]} of the "
                    + $"{Secondaries[place].Acknowledged} writes of {Secondaries[place].Name} leave this. "
                    + Difference(image, place, before[place].Minimum, gone[place].Minimum, Secondaries[place].Acknowledged));
            }
        }
    }

    private bool CheckPlace(IReadOnlyList<int[]> image, int place, Cut before, Cut gone)
    {
        Writer own = Secondaries[place];
        int acknowledged = own.Acknowledged;
        StampedWrite? open = own.Sent > acknowledged ? own[acknowledged] : null;
        PlaceImage found = Found(image, place);
        // Bounds are wide where the machine is busy: a picture is a step from its neighbour, and only the comparison is made for every pair.
        List<PlaceImage> overlays = Overlays(own, gone.Minimum, Math.Min(gone.Maximum, own.Sent), acknowledged);
        PlaceImage expected = Expected(place, before.Minimum, 0, 0);
        for (int taken = before.Minimum; ; taken++)
        {
            for (int i = 0; i < overlays.Count; i++)
            {
                if (found.Shows(expected, overlays[i], gone.Minimum + i > acknowledged ? null : open))
                    return true;
            }

            if (taken >= Math.Min(before.Maximum, Primaries[place].Sent))
                return false;
            expected.Apply(Primaries[place][taken]);
        }
    }

    /// <summary>What the secondary writer's writes lay over the primary's, by how many of them are gone.</summary>
    private static List<PlaceImage> Overlays(Writer writer, int least, int most, int kept)
    {
        var overlays = new List<PlaceImage>();
        for (int dropped = most; dropped >= least; dropped--)
        {
            PlaceImage overlay = overlays.Count == 0 ? PlaceImage.Nothing(writer.Regions) : overlays[^1].Copy();
            if (overlays.Count == 0)
            {
                for (int i = dropped; i < kept; i++)
                    overlay.Apply(writer[i]);
            }
            else if (dropped < kept)
            {
                overlay.ApplyUnder(writer[dropped]);
            }

            overlays.Add(overlay);
        }

        overlays.Reverse();
        return overlays;
    }

    /// <summary>Every cell of the place is what it must be, or, inside a write that was never answered, what that write would have left.</summary>
    private bool Matches(IReadOnlyList<int[]> image, int place, int taken, int dropped, int kept, StampedWrite? open) =>
        Found(image, place).Shows(Expected(place, taken, dropped, kept), PlaceImage.Nothing(Primaries[place].Regions), open);

    private PlaceImage Found(IReadOnlyList<int[]> image, int place) => PlaceImage.Of(Primaries[place].Regions, image);

    private string Difference(IReadOnlyList<int[]> image, int place, int taken, int dropped, int kept)
    {
        PlaceImage expected = Expected(place, taken, dropped, kept);
        var found = new List<string>();
        foreach ((int disk, int cell, int stamp, int wanted) in Found(image, place).Differences(expected).Take(20))
            found.Add($"disk{disk} cell {cell} (block {cell / 8}): {Who(stamp, place)}, expected {Who(wanted, place)}");
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

    private PlaceImage Expected(int place, int taken, int dropped, int kept)
    {
        PlaceImage cells = PlaceImage.Of(Primaries[place].Regions, _base);
        for (int i = 0; i < taken; i++)
            cells.Apply(Primaries[place][i]);
        for (int i = dropped; i < kept; i++)
            cells.Apply(Secondaries[place][i]);
        return cells;
    }
}
