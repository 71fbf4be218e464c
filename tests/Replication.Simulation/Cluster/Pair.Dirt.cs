using System.Buffers.Binary;
using Replication.Block.State;

namespace Replication.Simulation.Cluster;

/// <remarks>Invariant No lost dirt, read from the files: what a restart would find.</remarks>
internal sealed partial class Pair
{
    private const int BitmapHeaderBytes = 4096;
    private const int GranularityOffset = 12;

    // The primary's marks say what differs: from the moment at which it replicates until a sync begins them anew.
    private bool _marksHold;

    /// <summary>
    /// After every step: each block that differs between the two disks is marked in the file of the primary, or after a failover in one of the two.
    /// </summary>
    public void CheckMarks()
    {
        NodeStage? stage = PrimaryStatus?.Stage;
        if (stage == NodeStage.Replicating)
            _marksHold = true;
        else if (stage is NodeStage.Syncing or NodeStage.Standalone or NodeStage.Stopped)
            _marksHold = false;
        // Marks that the record does not trust promise nothing: a sync compares digests.
        if (RecordSlots.Read(Primary)?.Flags.HasFlag(EpochFlags.MarksTrusted) != true)
            return;
        bool promoted = PromotedAt is not null || IsPromotedOnRecord();
        // Between a promotion and the end of its commit the layers say what differs, too.
        if (IsRotten || !_marksHold || (promoted && SecondaryStatus is not { Stage: NodeStage.Done }))
            return;
        for (int i = 0; i < Primary.Disks.Length; i++)
            CheckMarks(i, promoted);
    }

    // Promoted and killed within one step: nobody has seen its status.
    private bool IsPromotedOnRecord() => RecordSlots.Read(Secondary)?.Stage is NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done;

    private void CheckMarks(int number, bool promoted)
    {
        byte[]? ours = Primary.State.Find($"disk{number}.dirty")?.Content;
        byte[]? theirs = promoted ? Secondary.State.Find($"disk{number}.dirty")?.Content : null;
        if (ours is null)
            throw Fail($"No lost dirt: the primary has no dirty marks of disk{number}");
        int block = BinaryPrimitives.ReadInt32LittleEndian(ours.AsSpan(GranularityOffset));
        ReadOnlySpan<byte> primary = Primary.Disks[number].Content;
        ReadOnlySpan<byte> secondary = Secondary.Disks[number].Content;
        for (int at = primary.CommonPrefixLength(secondary); at < primary.Length;)
        {
            int bit = at / block;
            if (!IsMarked(ours, bit) && !(theirs is not null && IsMarked(theirs, bit)))
            {
                throw Fail($"No lost dirt: disk{number} differs at byte {at}, and block {bit} is not marked in a file (primary "
                    + $"{Words(ours)}{(theirs is null ? "" : $", secondary {Words(theirs)}")})");
            }

            at = Math.Min((bit + 1) * block, primary.Length);
            at += primary[at..].CommonPrefixLength(secondary[at..]);
        }
    }

    private static string Words(byte[] file) => Convert.ToHexString(file.AsSpan(BitmapHeaderBytes, Math.Min(16, file.Length - BitmapHeaderBytes)));

    private static bool IsMarked(byte[] file, int bit) => (file[BitmapHeaderBytes + (bit / 8)] & (1 << (bit % 8))) != 0;
}
