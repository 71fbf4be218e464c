namespace Replication.Control.Journal;

/// <summary>What a segment holds, found by reading all of it once.</summary>
/// <param name="Boot">The boot that wrote it; null: its first line is torn.</param>
/// <param name="Count">Its whole events.</param>
/// <param name="LastSeq">The last one's number; 0: there is none.</param>
/// <param name="LengthBytes">The length of what is whole.</param>
/// <param name="NumbersAreLost">Behind it lie whole lines that are no events: somebody may have seen their numbers.</param>
internal sealed record SegmentScan(string? Boot, int Count, ulong LastSeq, long LengthBytes, bool NumbersAreLost)
{
    public static SegmentScan Of(SegmentFile segment)
    {
        byte[] bytes = File.ReadAllBytes(segment.Path);
        int at = Array.IndexOf(bytes, (byte)'\n') + 1;
        string? boot = at == 0 ? null : segment.ReadHeader(bytes.AsMemory(0, at));
        if (boot is null)
            return new SegmentScan(null, 0, 0, 0, at != 0);
        int count = 0;
        ulong last = 0;
        while (true)
        {
            int length = bytes.AsSpan(at).IndexOf((byte)'\n') + 1;
            // The number alone does not prove a line whole, but a line is one write: what it ends with came with it.
            if (length == 0 || !EventLine.TryReadSeq(bytes.AsSpan(at, length), out ulong seq) || bytes[at + length - 2] != '}')
                return new SegmentScan(boot, count, last, at, length != 0);
            at += length;
            last = seq;
            count++;
        }
    }
}
