using Replication.Block;

namespace Replication.Jobs.Backup;

/// <summary>A point in time as a disk for readers: read-only, except that they may give back what they do not need any more.</summary>
internal sealed class SnapshotNode(string name, long lengthBytes, PointInTime pointInTime) : BlockNode(
    name, lengthBytes, new NodeCapabilities(Capability.Emulated, Capability.None, Capability.Native, Capability.Native))
{
    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => pointInTime.ReadAsync(Name, offsetBytes, buffer);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => pointInTime.StatusAsync(Name, range);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => pointInTime.DiscardAsync(range);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) =>
        throw Error(BlockErrorKind.ReadOnly, BlockOperation.Write, new BlockRange(offsetBytes, data.Length), "a point in time does not change");

    protected override ValueTask FlushCore() => default;
}
