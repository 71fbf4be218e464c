using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Replication.Block.State;

/// <summary>Where a node stands: the one durable truth about its generation, epoch, stage and live overlays, replaced as a whole.</summary>
/// <remarks>
/// On disk, little-endian: magic 8 bytes, version u32, length u32, CRC-32C u32 (of all the length's bytes, itself as zero), reserved u32, sequence u64, group
/// id 16 bytes (as it is written), generation number u64, generation id 16 bytes, epoch u64, stage u8,
/// flags u8, reserved 6 bytes, overlay set u64, pair id 16 bytes.
/// </remarks>
public sealed record EpochRecord
{
    /// <summary>The room of one record: a single sector, so that a device tears it nowhere.</summary>
    internal const int SlotBytes = 512;

    private const uint Version = 1;
    private const int EncodedBytes = 112;
    private const int ChecksumOffset = 16;

    private static ReadOnlySpan<byte> Magic => "COLOEPOC"u8;

    /// <summary>Given by <see cref="EpochRecordFile"/>; the valid record with the highest one is in force.</summary>
    public ulong Sequence { get; init; }

    public required Guid GroupId { get; init; }

    /// <summary>Number of the generation in force; its parent and its first epoch are in the manifest.</summary>
    public required ulong GenerationNumber { get; init; }

    public required Guid GenerationId { get; init; }

    public required ulong Epoch { get; init; }

    public required NodeStage Stage { get; init; }

    public EpochFlags Flags { get; init; }

    /// <summary>The live overlay set; 0 where there is none.</summary>
    public ulong OverlaySet { get; init; }

    /// <summary>
    /// What this node's disks and its peer's have in common: a random id that a sync gives to both sides,
    /// and that no third node has. Empty where the disks are nobody's.
    /// </summary>
    public Guid PairId { get; init; }

    internal void Encode(Span<byte> slot)
    {
        slot.Clear();
        Magic.CopyTo(slot);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[12..], EncodedBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[24..], Sequence);
        Invariant.Check(GroupId.TryWriteBytes(slot[32..], bigEndian: true, out _), "a group id has 16 bytes");
        BinaryPrimitives.WriteUInt64LittleEndian(slot[48..], GenerationNumber);
        Invariant.Check(GenerationId.TryWriteBytes(slot[56..], bigEndian: true, out _), "a generation id has 16 bytes");
        BinaryPrimitives.WriteUInt64LittleEndian(slot[72..], Epoch);
        slot[80] = (byte)Stage;
        slot[81] = (byte)Flags;
        BinaryPrimitives.WriteUInt64LittleEndian(slot[88..], OverlaySet);
        Invariant.Check(PairId.TryWriteBytes(slot[96..], bigEndian: true, out _), "a pair id has 16 bytes");
        BinaryPrimitives.WriteUInt32LittleEndian(slot[ChecksumOffset..], Checksum.Crc32C(slot[..EncodedBytes]));
    }

    /// <summary>Reads a slot; false where it holds no whole record (never written, or torn).</summary>
    /// <exception cref="StateException">The record has a version that this build does not know.</exception>
    internal static bool TryDecode(ReadOnlySpan<byte> slot, string file, [NotNullWhen(true)] out EpochRecord? record)
    {
        record = null;
        if (!slot.StartsWith(Magic))
            return false;
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]);
        if (version != Version)
            throw new StateException($"{file}: record format version {version} is not known (this build knows {Version})");
        if (BinaryPrimitives.ReadUInt32LittleEndian(slot[12..]) != EncodedBytes)
            return false;
        Span<byte> copy = stackalloc byte[EncodedBytes];
        slot[..EncodedBytes].CopyTo(copy);
        copy.Slice(ChecksumOffset, 4).Clear();
        if (BinaryPrimitives.ReadUInt32LittleEndian(slot[ChecksumOffset..]) != Checksum.Crc32C(copy))
            return false;
        record = new EpochRecord
        {
            Sequence = BinaryPrimitives.ReadUInt64LittleEndian(slot[24..]),
            GroupId = new Guid(slot.Slice(32, 16), bigEndian: true),
            GenerationNumber = BinaryPrimitives.ReadUInt64LittleEndian(slot[48..]),
            GenerationId = new Guid(slot.Slice(56, 16), bigEndian: true),
            Epoch = BinaryPrimitives.ReadUInt64LittleEndian(slot[72..]),
            Stage = (NodeStage)slot[80],
            Flags = (EpochFlags)slot[81],
            OverlaySet = BinaryPrimitives.ReadUInt64LittleEndian(slot[88..]),
            PairId = new Guid(slot.Slice(96, 16), bigEndian: true),
        };
        return true;
    }
}
