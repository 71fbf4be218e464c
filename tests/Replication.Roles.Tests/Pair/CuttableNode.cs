using Replication.Block;

namespace Replication.Roles.Tests.Pair;

/// <summary>Passes everything on until it is cut; then everything fails with Shutdown.</summary>
internal sealed class CuttableNode(BlockNode inner) : BlockNode(inner.Name, inner.LengthBytes, NodeCapabilities.AllNative)
{
    private volatile string? _cut;

    public void Cut(string reason) => _cut = reason;

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer)
    {
        Check(BlockOperation.Read, new BlockRange(offsetBytes, buffer.Length));
        return inner.ReadAsync(offsetBytes, buffer);
    }

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        Check(BlockOperation.Write, new BlockRange(offsetBytes, data.Length));
        return inner.WriteAsync(offsetBytes, data, flags);
    }

    protected override ValueTask FlushCore()
    {
        Check(BlockOperation.Flush, default);
        return inner.FlushAsync();
    }

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags)
    {
        Check(BlockOperation.WriteZeroes, range);
        return inner.WriteZeroesAsync(range, flags);
    }

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags)
    {
        Check(BlockOperation.Discard, range);
        return inner.DiscardAsync(range, flags);
    }

    protected override ValueTask<Extent> StatusCore(BlockRange range)
    {
        Check(BlockOperation.Status, range);
        return inner.StatusAsync(range);
    }

    private void Check(BlockOperation operation, BlockRange range)
    {
        if (_cut is { } reason)
            throw Error(BlockErrorKind.Shutdown, operation, range, reason);
    }
}
