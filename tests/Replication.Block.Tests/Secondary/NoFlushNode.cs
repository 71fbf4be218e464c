namespace Replication.Block.Tests.Secondary;

/// <summary>
/// A file whose flushes do nothing, where no power is lost: a real one would let the test go on on the worker's thread, which it must not keep for itself.
/// </summary>
internal sealed class NoFlushNode(BlockNode child) : BlockNode(child.Name, child.LengthBytes, NodeCapabilities.AllNative)
{
    public override async ValueTask DisposeAsync()
    {
        await child.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => child.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => child.WriteAsync(offsetBytes, data, flags);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => child.WriteZeroesAsync(range, flags);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => child.DiscardAsync(range, flags);

    protected override ValueTask FlushCore() => default;

    protected override ValueTask<Extent> StatusCore(BlockRange range) => child.StatusAsync(range);
}
