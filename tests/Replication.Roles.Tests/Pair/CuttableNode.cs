using Replication.Block;

namespace Replication.Roles.Tests.Pair;

/// <summary>Passes everything on until it is cut; then everything fails with Shutdown, flushes and questions that are under way too.</summary>
internal sealed class CuttableNode(BlockNode inner) : BlockNode(inner.Name, inner.LengthBytes, NodeCapabilities.AllNative)
{
    private readonly TaskCompletionSource _over = new();
    private volatile string? _cut;

    public void Cut(string reason)
    {
        _cut = reason;
        _over.TrySetResult();
    }

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
        ValueTask flush = inner.FlushAsync();
        return flush.IsCompleted ? flush : new ValueTask(UnlessCutAsync(flush.AsTask(), BlockOperation.Flush, default));
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
        ValueTask<Extent> asked = inner.StatusAsync(range);
        return asked.IsCompleted ? asked : new ValueTask<Extent>(AnswerUnlessCutAsync(asked.AsTask(), range));
    }

    private async Task<Extent> AnswerUnlessCutAsync(Task<Extent> answer, BlockRange range)
    {
        await UnlessCutAsync(answer, BlockOperation.Status, range);
        return await answer;
    }

    private async Task UnlessCutAsync(Task request, BlockOperation operation, BlockRange range)
    {
        if (await Task.WhenAny(request, _over.Task) == request)
            await request;
        else
            Check(operation, range);
    }

    private void Check(BlockOperation operation, BlockRange range)
    {
        if (_cut is { } reason)
            throw Error(BlockErrorKind.Shutdown, operation, range, reason);
    }
}
