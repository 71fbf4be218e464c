using Replication.Block;
using Replication.Controller.Drill.Model;

namespace Replication.Controller.Drill.Guests;

/// <summary>Draws what a guest asks for: mostly small aligned writes, with everything beside it that goes wrong in block layers.</summary>
internal static class Workload
{
    private const int Page = 4096;

    // Both guests meet here half of the time, so that undo, overlays and mirrored writes race in the same blocks.
    private const long HotBytes = 2L << 20;

    public readonly record struct Drawn(int Disk, RequestKind Kind, BlockRange Range, WriteFlags Flags);

    public static Drawn Draw(ref DrillRandom random, Func<int, long> lengthOf, int disks)
    {
        int disk = (int)random.Below(disks);
        long lengthBytes = lengthOf(disk);
        WriteFlags flags = random.Below(20) == 0 ? WriteFlags.Fua : WriteFlags.None;
        long dice = random.Below(100);
        return dice switch
        {
            < 45 => new Drawn(disk, RequestKind.Write, Aligned(ref random, lengthBytes, 1 + random.Below(8)), flags),
            < 63 => new Drawn(disk, RequestKind.Write, Anywhere(ref random, lengthBytes, 1 + random.Below(9000)), flags),
            < 66 => new Drawn(disk, RequestKind.Write, Anywhere(ref random, lengthBytes, 1 + random.Below(Limits.RequestBytes)), flags),
            < 68 => new Drawn(disk, RequestKind.Write, AtEnd(ref random, lengthBytes), flags),
            < 73 =>
                new Drawn(
                    disk, RequestKind.Zero, Anywhere(ref random, lengthBytes, 1 + random.Below(64 << 10)),
                    random.Below(2) == 0 ? WriteFlags.NoUnmap : WriteFlags.None),
            < 75 => new Drawn(disk, RequestKind.Zero, Aligned(ref random, lengthBytes, 1 + random.Below(Limits.RequestBytes / Page)), flags),
            < 80 => new Drawn(disk, RequestKind.Trim, Anywhere(ref random, lengthBytes, 1 + random.Below(64 << 10)), WriteFlags.None),
            < 82 => new Drawn(disk, RequestKind.Flush, default, WriteFlags.None),
            _ => new Drawn(disk, RequestKind.Read, Anywhere(ref random, lengthBytes, 1 + random.Below(64 << 10)), WriteFlags.None),
        };
    }

    private static BlockRange Aligned(ref DrillRandom random, long lengthBytes, long pages)
    {
        long range = Math.Min(pages * Page, lengthBytes / Page * Page);
        return new BlockRange(random.Below(((Reach(ref random, lengthBytes, range) - range) / Page) + 1) * Page, range);
    }

    private static BlockRange Anywhere(ref DrillRandom random, long lengthBytes, long range) =>
        new(random.Below(Reach(ref random, lengthBytes, range) - range + 1), range);

    private static BlockRange AtEnd(ref DrillRandom random, long lengthBytes)
    {
        long range = 1 + random.Below(2 * Page);
        return new BlockRange(lengthBytes - range, range);
    }

    /// <summary>The end of the part of the disk that a range is drawn from.</summary>
    private static long Reach(ref DrillRandom random, long lengthBytes, long range) =>
        random.Below(2) == 0 ? Math.Min(lengthBytes, Math.Max(HotBytes, range)) : lengthBytes;
}
