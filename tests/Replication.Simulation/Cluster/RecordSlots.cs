using System.Buffers.Binary;
using Replication.Block.State;

namespace Replication.Simulation.Cluster;

/// <summary>
/// An epoch record as it lies in its file: what a restart would find at this instant. Read by the format's description, not by the code that writes it.
/// </summary>
internal readonly record struct RecordSlots(ulong Sequence, Guid Generation, ulong Epoch, NodeStage Stage, EpochFlags Flags)
{
    private const int SlotBytes = 4096;
    private const int LengthOffset = 12;
    private const int ChecksumOffset = 16;
    private const int SequenceOffset = 24;
    private const int GenerationOffset = 56;
    private const int EpochOffset = 72;
    private const int StageOffset = 80;
    private const int FlagsOffset = 81;

    /// <summary>Null where there is no record yet. A torn one counts for nothing.</summary>
    public static RecordSlots? Read(SimulatedHost host)
    {
        if (host.State.Find("epoch")?.Content is not { Length: >= 2 * SlotBytes } slots)
            return null;
        RecordSlots first = Whole(slots);
        RecordSlots second = Whole(slots.AsSpan(SlotBytes));
        RecordSlots found = first.Sequence > second.Sequence ? first : second;
        return found.Sequence == 0 ? null : found;
    }

    private static RecordSlots Whole(ReadOnlySpan<byte> slot)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(slot[LengthOffset..]);
        if (length is < FlagsOffset or > 512)
            return default;
        byte[] record = slot[..length].ToArray();
        record.AsSpan(ChecksumOffset, sizeof(uint)).Clear();
        return BinaryPrimitives.ReadUInt32LittleEndian(slot[ChecksumOffset..]) == Checksum.Crc32C(record) ? Decode(slot) : default;
    }

    public static RecordSlots Decode(ReadOnlySpan<byte> slot) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(slot[SequenceOffset..]),
        new Guid(slot.Slice(GenerationOffset, 16), bigEndian: true),
        BinaryPrimitives.ReadUInt64LittleEndian(slot[EpochOffset..]),
        (NodeStage)slot[StageOffset],
        (EpochFlags)slot[FlagsOffset]);
}
