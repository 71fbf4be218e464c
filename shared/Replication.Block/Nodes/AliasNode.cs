namespace Replication.Block;

/// <summary>Another node under a name of its own, so that a rule can mean this way to it and no other.</summary>
internal sealed class AliasNode(string name, BlockNode child) : BlockNode(name, child.LengthBytes, NodeCapabilities.AllNative)
{
    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => child.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => child.WriteAsync(offsetBytes, data, flags);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => child.WriteZeroesAsync(range, flags);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => child.DiscardAsync(range, flags);

    protected override ValueTask FlushCore() => child.FlushAsync();

    protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);
}
