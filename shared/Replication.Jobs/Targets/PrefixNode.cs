using Replication.Block;

namespace Replication.Jobs.Targets;

/// <summary>The beginning of a disk as a disk. The longer one is not closed with it.</summary>
internal sealed class PrefixNode(BlockNode node, long lengthBytes) : BlockNode(node.Name, lengthBytes, node.Capabilities)
{
    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => node.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => node.WriteAsync(offsetBytes, data, flags);

    protected override ValueTask FlushCore() => node.FlushAsync();

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => node.WriteZeroesAsync(range, flags);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => node.DiscardAsync(range, flags);

    protected override ValueTask<Extent> StatusCore(BlockRange range) => node.StatusAsync(range);
}
