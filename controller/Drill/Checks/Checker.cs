using Replication.Block;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Checks;

/// <summary>
/// Compares every byte of what a guest sees, or of what lies on a disk, with the model. The guests may
/// go on meanwhile: what is being compared is kept free of them.
/// </summary>
internal sealed class Checker(GroupModel model)
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(1);

    // A reader that fills nothing is seen: no model byte survives in the buffer.
    private const byte Poison = 0x5C;

    /// <summary>
    /// Reads all of the disks as <paramref name="guest"/> sees them. Returns the first difference, with the count of all; null where there is none.
    /// </summary>
    public async Task<Mismatch?> CompareAsync(NodeSide guest, IReadOnlyList<BlockNode> disks, CancellationToken cancellationToken)
    {
        Mismatch? found = null;
        byte[] buffer = new byte[Limits.CheckBytes];
        for (int disk = 0; disk < disks.Count; disk++)
        {
            foreach (BlockRange range in Chunks(model.LengthBytes(disk)))
            {
                GuestRequest reservation = model.Reserve(guest, disk, range);
                try
                {
                    while (!model.IsAlone(reservation))
                        await Task.Delay(s_poll, cancellationToken);
                    Memory<byte> actual = buffer.AsMemory(0, (int)range.LengthBytes);
                    actual.Span.Fill(Poison);
                    await disks[disk].ReadAsync(range.OffsetBytes, actual);
                    found = Mismatch.Sum(found, Compare(guest, disk, range.OffsetBytes, actual.Span));
                }
                finally
                {
                    model.Release(reservation);
                }
            }
        }

        return found;
    }

    /// <summary>Compares a disk's image itself. Its guest must be at rest or dead.</summary>
    public Mismatch? CompareImage(NodeSide guest, int disk, Stream image)
    {
        if (image.Length != model.LengthBytes(disk))
            throw new DrillException($"the image of disk{disk} has {image.Length} bytes, not {model.LengthBytes(disk)}");
        Mismatch? found = null;
        byte[] buffer = new byte[Limits.CheckBytes];
        foreach (BlockRange range in Chunks(image.Length))
        {
            Span<byte> actual = buffer.AsSpan(0, (int)range.LengthBytes);
            image.ReadExactly(actual);
            found = Mismatch.Sum(found, Compare(guest, disk, range.OffsetBytes, actual));
        }

        return found;
    }

    private static IEnumerable<BlockRange> Chunks(long lengthBytes)
    {
        for (long offset = 0; offset < lengthBytes; offset += Limits.CheckBytes)
            yield return new BlockRange(offset, Math.Min(Limits.CheckBytes, lengthBytes - offset));
    }

    private Mismatch? Compare(NodeSide guest, int disk, long offsetBytes, ReadOnlySpan<byte> actual) =>
        guest == NodeSide.Primary ? model.CheckPrimary(disk, offsetBytes, actual) : model.CheckView(disk, offsetBytes, actual);
}
